// Explain failure: gathers what internal/explain wants to know of a node whose death is asked about.

import { siblingOfNode } from '#internal/desired/desired.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { absenceOf, type FailingNode, failureText, type Heard, outagesOf } from '#internal/explain/explain.ts';
import { Plane, type Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { aheadOfMedian } from '#internal/mesh/mesh.ts';
import { namesakes, type Snapshot } from '#internal/model/model.ts';
import { isHeard } from '#internal/status/status.ts';
import { listed } from './pages.ts';
import type { ServiceContext } from './service.ts';

/** Where clients were, as the active node of a pair tells its sibling. */
export interface WhereaboutsKnown {
  /** This daemon is one of the pair, and hears of them. */
  readonly known: boolean;
  /** Unix time of the handshake, milliseconds; round trip 0: not measured. */
  of(publicKey: string): { readonly handshakeMs: number; readonly rttMs: number } | undefined;
}

/** 150 bytes each: well within a message. */
const mostTunnels = 10_000;

/** How far its clock is ahead of the median; 0 where that is not known. */
function aheadOf({ status, config }: ServiceContext, snapshot: Snapshot, nodeId: string): number {
  // This daemon measures others' clocks against its own.
  const own = (id: string): number | undefined => (id === config.nodeId ? 0 : status.of(id)?.clockOffsetMs);
  const offset = own(nodeId);
  if (offset === undefined) return 0;
  const others = [...snapshot.nodes.keys()].flatMap((id) => {
    const other = id === nodeId ? undefined : own(id);
    return other === undefined ? [] : [other - offset];
  });
  return aheadOfMedian(others);
}

function hindranceOf({ status, clock, config }: ServiceContext, siblingId: string): string {
  const known = status.of(siblingId);
  const heard = known !== undefined && (siblingId === config.nodeId || isHeard(known, clock.wall()));
  if (!heard) return `${siblingId} is not heard`;
  const { role, pairAlarm } = known.report;
  if (role === 'standby') return '';
  return `${siblingId} is ${role === '' ? 'of no known role' : role}${pairAlarm === '' ? '' : ` (${pairAlarm})`}`;
}

function nodeOf(context: ServiceContext, snapshot: Snapshot, nodeId: string): FailingNode {
  const { config, explain } = context;
  const siblingId = siblingOfNode(snapshot, nodeId);
  const isOfPair = nodeId === config.nodeId || siblingId === config.nodeId;
  const role = context.status.of(nodeId)?.report.role ?? '';
  const outward = listed(snapshot.upstreams).filter(
    ({ record }) => record.nodeId === nodeId && record.plane === Plane.TRANSPORT,
  );
  return {
    nodeId,
    // Of one that is not heard nobody knows; asked for, it is taken for what it would be.
    active: siblingId === undefined || role === 'active' || role === 'alone' || role === '',
    watched: outward.every(({ record }) => record.bfd),
    informed: isOfPair && siblingId !== undefined && explain.whereabouts?.known === true,
    ...(siblingId !== undefined && {
      sibling: {
        nodeId: siblingId,
        hindrance: hindranceOf(context, siblingId),
        aheadMs: aheadOf(context, snapshot, siblingId),
      },
    }),
  };
}

const nameOf = (snapshot: Snapshot, { id, name }: Tunnel): string =>
  namesakes(snapshot.tunnelsByName, name).length === 1 ? name : id;

/** Of its PoP, and not known to live at another one. O(tunnels). */
function livingOn({ explain }: ServiceContext, snapshot: Snapshot, nodeId: string): readonly Tunnel[] {
  const popId = snapshot.nodes.get(nodeId)?.record.popId ?? '';
  const popOf = (id: string): string | undefined => snapshot.nodes.get(id)?.record.popId;
  return listed(snapshot.tunnels).flatMap(({ record }) => {
    if (absenceOf(snapshot, record, { nodeId, popId }, record.id) !== undefined) return [];
    const holder = explain.holderOf(record.id);
    const here =
      holder === undefined ? record.prefixes.some(({ homePopId }) => homePopId === popId) : popOf(holder) === popId;
    return here ? [record] : [];
  });
}

/** Refuses `not-found`. */
export function explainedFailure(context: ServiceContext, snapshot: Snapshot, node: string) {
  if (!snapshot.nodes.has(node)) {
    const about = { field: 'node', value: node, problem: 'is no node' };
    return refuse('not-found', { ...about, cure: 'pop44 node list shows them' }) satisfies Refusal;
  }
  const { explain, clock } = context;
  const { whereabouts } = explain;
  const nowMs = clock.wall().getTime();
  const failing = nodeOf(context, snapshot, node);
  const heardOf = ({ publicKey }: Tunnel): Heard | undefined => {
    const seen = failing.informed ? whereabouts?.of(publicKey) : undefined;
    if (seen === undefined) return undefined;
    const { handshakeMs, rttMs } = seen;
    return { handshakeAgeMs: Math.max(0, nowMs - handshakeMs), ...(rttMs > 0 && { rttMs }) };
  };
  const tunnels = livingOn(context, snapshot, node).map((tunnel) => {
    const heard = heardOf(tunnel);
    return { tunnel, ...(heard && { heard }) };
  });
  const outages = outagesOf(failing, tunnels);
  return {
    nodeId: node,
    siblingId: failing.sibling?.nodeId ?? '',
    reason: failureText(failing),
    whereaboutsKnown: failing.informed,
    tunnels: outages.slice(0, mostTunnels).map(({ tunnel, heard, outage }) => ({
      tunnelId: tunnel.id,
      name: nameOf(snapshot, tunnel),
      way: outage.way,
      reason: outage.reason,
      ...(outage.expectedMs !== undefined && { expectedMs: Math.round(outage.expectedMs) }),
      ...(outage.latestMs !== undefined && { latestMs: Math.round(outage.latestMs) }),
      ...(heard?.rttMs !== undefined && { rttMs: heard.rttMs }),
      ...(heard && { handshakeAgeMs: BigInt(Math.round(heard.handshakeAgeMs)) }),
    })),
    leftOff: Math.max(0, outages.length - mostTunnels),
  };
}
