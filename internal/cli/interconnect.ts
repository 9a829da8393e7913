// Interconnect: links between nodes.

import { type Command, Option } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { interconnectColumns } from './interconnect-columns.ts';
import { interconnectKind } from './interconnect-kind.ts';
import type { MeshOptions } from './interconnect-mesh.ts';
import { seconds, uint } from './parse.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

interface CreateOptions extends ChangeOptions {
  readonly link4: string;
  readonly link6: string;
  readonly portA: number;
  readonly portB: number;
  readonly mtu: number;
  readonly parallel?: boolean;
  readonly routes?: 'full' | 'aggregates';
  readonly underlayA: string;
  readonly underlayB: string;
}

interface DeleteOptions extends ChangeOptions {
  readonly force?: true;
}

export function interconnectVerbs(interconnect: Command, session: Session): void {
  withChangeOptions(interconnect.command('create').argument('<node-a>').argument('<node-b>'), 'new')
    .description('join two nodes; what is not given is chosen')
    .option('--link4 <prefix>', 'a /31', '')
    .option('--link6 <prefix>', 'a /127', '')
    .option('--port-a <port>', 'UDP port at the first node', uint, 0)
    .option('--port-b <port>', 'UDP port at the second node', uint, 0)
    .option('--mtu <bytes>', '1280 to 9000; default: 1420', uint, 0)
    .addOption(
      new Option(
        '--routes <what>',
        'refused unless that is what the second node will be told: every route, or default and pools as a whole',
      ).choices(['full', 'aggregates']),
    )
    .option('--parallel', 'beside another one between the two; what passes is spread over both')
    .option('--underlay-a <address>', 'of the first node, if not the one of its record', '')
    .option('--underlay-b <address>', 'of the second node, if not the one of its record', '')
    .action(async (nodeA: string, nodeB: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const { link4, link6, portA, portB, mtu, parallel = false, underlayA, underlayB, routes = '' } = options;
      const ends = { nodeA, nodeB, link4, link6, portA, portB, underlayA, underlayB };
      await change(session, options, {
        send: () => fabric.createInterconnect({ change: changeOf(options), ...ends, mtu, parallel, routes }),
        show: (answer) => session.record(answer, answer.interconnect, interconnectColumns),
      });
    });
  interconnect
    .command('mesh')
    .description('join what is missing between the nodes of COREs; may be repeated')
    .option('--dry-run', 'show the pairs, join none')
    .option('--wait <seconds>', 'wait until it is applied (bare: 30 s); exit 4 when it is not', seconds)
    .action(async (options: MeshOptions) => {
      const { joinMesh } = await import('./interconnect-mesh.ts');
      await joinMesh(session, options, interconnectColumns);
    });
  showVerbs(interconnect, session, interconnectKind);
  withChangeOptions(interconnect.command('delete').argument('<id>'), 'existing')
    .description('take a link away')
    .option('--force', 'also the last one of a node with a CORE, which is cut off then')
    .action(async (id: string, options: DeleteOptions) => {
      const { fabric } = await session.client();
      await change(session, options, {
        send: () =>
          fabric.deleteInterconnect({ change: changeOf(options), interconnect: id, force: options.force === true }),
        show: (answer) => session.done(answer, `interconnect ${id} deleted`),
      });
    });
}
