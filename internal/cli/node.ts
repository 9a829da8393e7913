// Node: the machines of PoPs.

import type { Command } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { nodeColumns } from './node-columns.ts';
import { drainVerbs } from './node-drain.ts';
import { nodeKind } from './node-kind.ts';
import { resealVerb } from './node-reseal.ts';
import { restartRoutingVerb } from './node-restart.ts';
import { nodeTrustVerbs } from './node-trust.ts';
import { uint } from './parse.ts';
import { rate } from './rate.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

interface CreateOptions extends ChangeOptions {
  readonly pop: string;
  readonly asn: number;
  readonly loopback4: string;
  readonly loopback6: string;
  readonly meshAddress: string;
  readonly meshPublicKey: string;
  readonly meshPort: number;
  readonly underlay4: string;
  readonly underlay6: string;
  readonly interconnectPublicKey: string;
  readonly sealingPublicKey: string;
  readonly apiPort: number;
  readonly failureDomain: string;
  readonly uplink: bigint;
  readonly heartbeat: string;
}
/** Milliseconds: a move that loses nothing may take 60 s (seam/takeover-asker.ts), and its daemon is asked through another one. */
const takeoverMs = 70_000;

interface UpdateOptions extends ChangeOptions {
  readonly uplink?: bigint;
  readonly heartbeat?: string;
  readonly lastResort?: boolean;
}

export function nodeVerbs(node: Command, session: Session): void {
  withChangeOptions(node.command('create').argument('<id>'), 'new')
    .description('create a node')
    .requiredOption('--pop <id>', 'PoP that it stands in')
    .requiredOption('--asn <number>', 'private 32-bit ASN, 4200000000 to 4219999999', uint)
    .option('--loopback4 <address>', 'public address on lo: router id and source of ICMP errors', '')
    .option('--loopback6 <address>', 'the same of IPv6', '')
    .requiredOption('--mesh-address <address>', 'its address in the management mesh')
    .requiredOption('--mesh-public-key <key>', 'WireGuard public key of its end of the mesh')
    .option('--mesh-port <port>', 'UDP port of the mesh', uint, 51_844)
    .option('--underlay4 <address>', 'where other nodes reach it', '')
    .option('--underlay6 <address>', 'the same of IPv6', '')
    .requiredOption('--interconnect-public-key <key>', 'WireGuard public key of its ends of interconnects')
    .option('--sealing-public-key <recipient>', 'age1..., as pop44d sealing-key prints it on the node', '')
    .option('--api-port <port>', 'TCP port of its API', uint, 4_440)
    .option('--failure-domain <label>', 'what fails together bears one label', '')
    .option('--uplink <rate>', 'what its uplink carries each way, like 1G; default: not known', rate, 0n)
    .option('--heartbeat <address>', 'its address on the link to the other node of its PoP', '')
    .action(async (id: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const { pop, uplink, wait: _, dryRun: __, requestId: ___, ...same } = options;
      const node = { ...same, id, popId: pop, uplinkBitPerSecond: uplink };
      await change(session, options, {
        send: () => fabric.createNode({ change: changeOf(options), node }),
        show: (answer) => session.record(answer, answer.node, nodeColumns),
      });
    });
  withChangeOptions(node.command('update').argument('<node>'), 'existing')
    .description('change a node')
    .option('--uplink <rate>', 'what its uplink carries each way, like 1G; or unlimited: not known', rate)
    .option('--heartbeat <address>', 'its address on the link to the other node of its PoP; none: it has none any more')
    .option('--last-resort', 'announce the pools also when it hears no other CORE; one node of the network does')
    .option('--no-last-resort', 'it is not named for that any more')
    .action(async (of: string, options: UpdateOptions) => {
      const { fabric } = await session.client();
      const { uplink, heartbeat, lastResort } = options;
      const request = {
        change: changeOf(options),
        node: of,
        ...(uplink !== undefined && { uplinkBitPerSecond: uplink }),
        ...(heartbeat !== undefined && { heartbeat: heartbeat === 'none' ? '' : heartbeat }),
        ...(lastResort !== undefined && { lastResort }),
      };
      await change(session, options, {
        send: () => fabric.updateNode(request),
        show: (answer) => session.record(answer, answer.node, nodeColumns),
        awaited: () => ({ nodeIds: [of] }),
      });
    });
  withChangeOptions(node.command('sealing-key').argument('<id>').argument('<recipient>'), 'existing')
    .description('say to whom secrets of a node are sealed; what was sealed before is to be sealed again')
    .action(async (nodeId: string, sealingPublicKey: string, options: ChangeOptions) => {
      const { fabric } = await session.client();
      await change(session, options, {
        send: () => fabric.setNodeSealingKey({ change: changeOf(options), nodeId, sealingPublicKey }),
        show: (answer) => session.record(answer, answer.node, nodeColumns),
      });
    });
  node
    .command('takeover')
    .argument('<node>')
    .description('have the standby node of a pair take its PoP over now; nothing takes it back by itself')
    .action(async (of: string) => {
      await (await session.client()).fabric.takeOver({ node: of }, { deadlineMs: takeoverMs });
      session.say(`${of} is active`);
    });
  drainVerbs(node, session);
  nodeTrustVerbs(node, session);
  resealVerb(node, session);
  restartRoutingVerb(node, session);
  withChangeOptions(node.command('rotate-interconnect-key').argument('<id>'), 'existing')
    .description(
      'ask a node for its next interconnect key; nothing is lost, the old one goes when all links have the next',
    )
    .option('--cancel', 'take that back: the old key stays')
    .action(async (of: string, options: ChangeOptions & { readonly cancel?: boolean }) => {
      const { fabric } = await session.client();
      const request = { change: changeOf(options), node: of, cancel: options.cancel ?? false };
      await change(session, options, {
        send: () => fabric.rotateInterconnectKey(request),
        show: (answer) => session.record(answer, answer.node, nodeColumns),
        awaited: () => ({ nodeIds: [of] }),
      });
    });
  showVerbs(node, session, nodeKind);
}
