// Node columns: a node's record, and how it fares.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { type Column, yesNo } from './layout.ts';
import { rateText } from './rate.ts';

export const nodeColumns: readonly Column<Node>[] = [
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
  [
    'drained',
    ({ drain }) => (drain === undefined ? '' : [drain.by, drain.reason].filter((part) => part !== '').join(': ')),
  ],
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

/** `DRAINED`, and what that still waits for. */
const drainText = ({ node, drainPending }: NodeState): string =>
  [node?.drain === undefined ? '' : 'DRAINED', drainPending].filter((part) => part !== '').join(': ');

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
  ['drained', drainText],
];
