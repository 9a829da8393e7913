// PoP: locations.

import { type Command, Option } from 'commander';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { uint } from './parse.ts';
import { keyForJoining } from './pop-anycast.ts';
import { endpointModes, type Kind, kindNames, kinds, modeNames, popColumns } from './pop-columns.ts';
import { keyVerbs } from './pop-key.ts';
import { nearVerb } from './pop-near.ts';
import { popKind } from './pop-kind.ts';
import type { Session } from './session.ts';
import { showVerbs } from './showing.ts';

interface EndpointOptions {
  readonly endpointMode?: keyof typeof endpointModes;
  readonly gateway4?: string;
  readonly gateway6?: string;
}

interface CreateOptions extends ChangeOptions, EndpointOptions {
  readonly kind: Kind;
  readonly description: string;
  readonly endpoint4: string;
  readonly endpoint6: string;
  readonly port: number;
  readonly publicKey: string;
  readonly failureDomain: string;
  readonly tunnels: boolean;
  readonly singleHomed?: boolean;
}

interface UpdateOptions extends ChangeOptions, EndpointOptions {
  readonly singleHomed?: boolean;
  /** False: `--no-anycast`. */
  readonly anycast?: string | false;
  readonly identity?: string;
  readonly replace?: boolean;
}

/** `none` takes a gateway back. */
const gatewayOf = (given: string): string => (given === 'none' ? '' : given);

const changesOf = ({ singleHomed, endpointMode, gateway4, gateway6 }: UpdateOptions) => ({
  ...(singleHomed !== undefined && { singleHomed }),
  ...(endpointMode !== undefined && { endpointMode: endpointModes[endpointMode] }),
  ...(gateway4 !== undefined && { gateway4: gatewayOf(gateway4) }),
  ...(gateway6 !== undefined && { gateway6: gatewayOf(gateway6) }),
});

const withEndpointOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('--endpoint-mode <mode>', 'bgp: announced to upstreams; l2: on a LAN of its nodes').choices(modeNames),
    )
    .option('--gateway4 <address>', 'of mode l2: the router on that LAN; none: there is none any more')
    .option('--gateway6 <address>', 'the same of IPv6');

export function popVerbs(pop: Command, session: Session): void {
  withEndpointOptions(withChangeOptions(pop.command('create').argument('<id>'), 'new'))
    .description('create a PoP')
    .addOption(new Option('--kind <kind>', 'its place in the hierarchy').choices(kindNames).makeOptionMandatory())
    .option('--endpoint4 <address>', 'IPv4 address that clients send to', '')
    .option('--endpoint6 <address>', 'IPv6 address that clients send to', '')
    .option('--port <port>', 'UDP port of the endpoint', uint, 51_820)
    .requiredOption('--public-key <key>', 'WireGuard public key of its access interface')
    .option('--description <text>', 'for people', '')
    .option('--failure-domain <label>', 'what fails together bears one label', '')
    .option('--no-tunnels', 'carries none of its own')
    .option('--single-homed', 'a REGIONAL that may carry tunnels with fewer than two COREs')
    .action(async (id: string, options: CreateOptions) => {
      const { fabric } = await session.client();
      const { kind, port, tunnels, description, endpoint4, endpoint6, publicKey, failureDomain } = options;
      const same = { description, endpoint4, endpoint6, publicKey, failureDomain, ...changesOf(options) };
      const wanted = { ...same, id, kind: kinds[kind], endpointPort: port, acceptsTunnels: tunnels };
      await change(session, options, {
        send: () => fabric.createPop({ change: changeOf(options), pop: wanted }),
        show: (answer) => session.record(answer, answer.pop, popColumns),
      });
    });
  withEndpointOptions(withChangeOptions(pop.command('update').argument('<pop>'), 'existing'))
    .description('change a PoP')
    .option('--single-homed', 'a REGIONAL that may carry tunnels with fewer than two COREs')
    .option('--no-single-homed', 'a REGIONAL that needs two COREs before it carries tunnels')
    .option('--anycast <group>', 'its clients send to the endpoint of this group, with its key')
    .option('--no-anycast', 'it leaves its group, and has its own endpoint and key again')
    .option('--identity <file>', "with --anycast: of a node of the group or of --recovery, which opens the group's key")
    .option('--replace', 'also when clients then need new files, or pre-shared keys are still to be sealed to nodes')
    .action((of: string, options: UpdateOptions) => update(session, of, options));
  keyVerbs(pop.command('key').description('the key that the nodes of a PoP share: create, rotate, reseal'), session);
  nearVerb(pop, session);
  showVerbs(pop, session, popKind);
}

async function update(session: Session, pop: string, options: UpdateOptions): Promise<void> {
  const { fabric } = await session.client();
  const { anycast, identity, replace = false } = options;
  const groupId = anycast === false ? '' : anycast;
  const joins = groupId !== undefined && groupId !== '';
  const sealed = joins
    ? await keyForJoining(session, { pop, groupId, ...(identity !== undefined && { identity }) })
    : {};
  const group = groupId === undefined ? {} : { anycastGroup: groupId, sealed, replace };
  await change(session, options, {
    send: () => fabric.updatePop({ change: changeOf(options), pop, ...changesOf(options), ...group }),
    show: (answer) => session.record(answer, answer.pop, popColumns),
  });
}
