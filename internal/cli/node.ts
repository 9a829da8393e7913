// Node: the machines of PoPs.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { type ChangeOptions, change, changeOf, withChangeOptions } from './change.ts';
import { type Column, yesNo } from './layout.ts';
import { resealVerb } from './node-reseal.ts';
import { restartRoutingVerb } from './node-restart.ts';
import { nodeTrustVerbs } from './node-trust.ts';
import { uint } from './parse.ts';
import { rate, rateText } from './rate.ts';
import type { Session } from './session.ts';

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
interface UpdateOptions extends ChangeOptions {
  readonly uplink?: bigint;
  readonly heartbeat?: string;
  readonly lastResort?: boolean;
}

const recordColumns: readonly Column<Node>[] = [
  ['id', (node) => node.id],
  ['pop', (node) => node.popId],
  ['asn', (node) => String(node.asn)],
  ['loopback4', (node) => node.loopback4],
  ['loopback6', (node) => node.loopback6],
  ['mesh', (node) => node.meshAddress],
  ['underlay4', (node) => node.underlay4],
  ['underlay6', (node) => node.underlay6],
  ['heartbeat', (node) => node.heartbeat],
  ['uplink', (node) => rateText(node.uplinkBitPerSecond, 'not known')],
  ['sealing key', (node) => node.sealingPublicKey],
];

/** Of its interconnect key: `2026-11-25`. */
function sinceText(node: Node | undefined): string {
  const since = node?.interconnectKeyAge?.since;
  return since === undefined ? '' : timestampDate(since).toISOString().slice(0, 10);
}

/** `+12 ms`: ahead of the node that answers. */
export const signedMs = (ms: number): string => `${Math.round(ms) > 0 ? '+' : ''}${Math.round(ms) + 0} ms`;

/** `812, 790 of the other`: of a pair, what it has and what it keeps of its sibling. */
const flowsText = ({ flows, flowsHeld }: NodeState): string =>
  flows === undefined || flowsHeld === undefined ? '' : `${flows}, ${flowsHeld} of the other`;

/** A node as it fares. */
export const nodeStateColumns: readonly Column<NodeState>[] = [
  ['node', ({ node }) => node?.id ?? ''],
  ['pop', ({ node }) => node?.popId ?? ''],
  ['connected', ({ connected }) => yesNo(connected)],
  ['applied', ({ appliedRevision }) => String(appliedRevision)],
  ['failing', ({ failingSteps }) => String(failingSteps)],
  ['rtt', ({ rttMs }) => (rttMs === undefined ? '' : `${rttMs.toFixed(1)} ms`)],
  ['store', ({ connected, stale }) => (connected ? (stale ? 'away' : 'reached') : '')],
  ['held', ({ held }) => held],
  ['key since', ({ node }) => sinceText(node)],
  ['rotation', ({ rotation }) => rotation],
  ['role', ({ role, takeoverEpoch: epoch }) => (epoch === 0n ? role : `${role} (epoch ${epoch})`)],
  ['pair', ({ pairAlarm }) => pairAlarm],
  // Last, so that who reads the others by their place goes on to.
  ['clock', ({ clockOffsetMs }) => (clockOffsetMs === undefined ? '' : signedMs(clockOffsetMs))],
  ['lag', ({ loopLagMs }) => (loopLagMs === 0 ? '' : `${loopLagMs.toFixed(0)} ms`)],
  ['load', ({ connected, load }) => (connected ? load.toFixed(2) : '')],
  ['last resort', ({ lastResort }) => (lastResort ? 'yes' : '')],
  ['flows', flowsText],
  ['failure', ({ failure }) => failure],
];

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
        show: (answer) => session.record(answer, answer.node, recordColumns),
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
        show: (answer) => session.record(answer, answer.node, recordColumns),
        awaited: () => ({ nodeIds: [of] }),
      });
    });
  withChangeOptions(node.command('sealing-key').argument('<id>').argument('<recipient>'), 'existing')
    .description('say to whom secrets of a node are sealed; what was sealed before is to be sealed again')
    .action(async (nodeId: string, sealingPublicKey: string, options: ChangeOptions) => {
      const { fabric } = await session.client();
      await change(session, options, {
        send: () => fabric.setNodeSealingKey({ change: changeOf(options), nodeId, sealingPublicKey }),
        show: (answer) => session.record(answer, answer.node, recordColumns),
      });
    });
  node
    .command('takeover')
    .argument('<node>')
    .description('have the standby node of a pair take its PoP over now; nothing takes it back by itself')
    .action(async (of: string) => {
      await (await session.client()).fabric.takeOver({ node: of });
      session.say(`${of} is active`);
    });
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
        show: (answer) => session.record(answer, answer.node, recordColumns),
        awaited: () => ({ nodeIds: [of] }),
      });
    });
  node
    .command('list')
    .description('show all nodes and how they fare')
    .action(async () => {
      const { nodes, freshness } = await (await session.client()).fabric.listNodes({});
      await session.list(nodes, nodeStateColumns);
      session.aged(freshness);
    });
}
