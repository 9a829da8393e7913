// Whois: who has or had an address, from the snapshot and from what is written down of holdings that ended.

import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import type { Holding } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { WhoseKind } from '#internal/gen/pop44/v1/desk_pb.ts';
import { holderOf, type Snapshot } from '#internal/model/model.ts';
import { type Prefix, parsePrefix, prefixLength } from '#internal/netip/netip.ts';
import { holderLine, type Place, poolLine, type WhoseInit } from './whois-now.ts';

export interface Answer {
  readonly whose: readonly WhoseInit[];
  /** Before this it is not written down who held it. Absent: it is in no pool. */
  readonly knownFrom?: Timestamp;
}

interface Past {
  readonly holding: Holding;
  readonly sinceMs: number;
  readonly untilMs: number;
}

const ms = (time: Timestamp | undefined): number => (time === undefined ? 0 : timestampMs(time));

/** An owner's holding with a tunnel begins when the one before, without it, ended. */
function pastsOf(holdings: readonly Holding[]): readonly Past[] {
  const ended = new Map<string, number>();
  return holdings
    .toSorted((a, b) => ms(a.until) - ms(b.until))
    .map((holding) => {
      const place = `${holding.realmId} ${holding.prefix}`;
      const sinceMs = Math.max(ms(holding.since), ended.get(place) ?? 0);
      const untilMs = ms(holding.until);
      ended.set(place, untilMs);
      return { holding, sinceMs, untilMs };
    });
}

const pastLine = (kind: WhoseKind, { holding, sinceMs }: Past): WhoseInit => ({
  kind,
  prefix: holding.prefix,
  realmId: holding.realmId,
  poolId: holding.delegatedPoolId || holding.poolId,
  owner: holding.owner,
  tunnelId: holding.tunnelId,
  tunnelName: holding.tunnelName,
  since: timestampFromMs(sinceMs),
  ...(holding.until && { until: holding.until }),
});

function kindOf({ delegatedPoolId, tunnelId }: Holding): WhoseKind {
  if (delegatedPoolId !== '') return WhoseKind.DELEGATION;
  return tunnelId === '' ? WhoseKind.OWNER : WhoseKind.TUNNEL;
}

/** The holder that the snapshot shows, if it held already at that time. */
function presentAt(snapshot: Snapshot, { allocation, pools }: Place, pasts: readonly Past[], atMs: number) {
  if (allocation === undefined || holderOf(allocation) === 'delegation') return undefined;
  const realmId = pools[0]?.pool.realmId ?? '';
  const before = pasts.filter(
    ({ holding }) => holding.prefix === allocation.prefix && (holding.realmId === realmId || holding.realmId === ''),
  );
  const sinceMs = Math.max(ms(allocation.createdAt), ...before.map(({ untilMs }) => untilMs));
  if (sinceMs > atMs) return undefined;
  return { ...holderLine(snapshot, allocation), ...(sinceMs > 0 && { since: timestampFromMs(sinceMs) }) };
}

const lengthOf = ({ prefix = '' }: WhoseInit): number => {
  const parsed = parsePrefix(prefix);
  return typeof parsed === 'string' ? prefixLength(parsed satisfies Prefix) : 0;
};

/**
 * @param places what stands around the address (placesOf)
 * @param holdings what is written down of every prefix around it
 * @param at the time that is asked for, now or before
 */
export function whois(snapshot: Snapshot, places: readonly Place[], holdings: readonly Holding[], at: Date): Answer {
  const atMs = at.getTime();
  const pasts = pastsOf(holdings);
  const present = places.flatMap((place) => presentAt(snapshot, place, pasts, atMs) ?? []);
  const then = pasts.filter(({ sinceMs, untilMs }) => sinceMs <= atMs && atMs < untilMs);
  const held = [...present, ...then.map((past) => pastLine(kindOf(past.holding), past))];
  const nobody = held.every(({ kind }) => kind === WhoseKind.DELEGATION);
  const last = nobody
    ? pasts.findLast(({ untilMs, holding }) => untilMs <= atMs && holding.delegatedPoolId === '')
    : undefined;
  // They say nothing of when they were changed: what stands since then stood.
  const standing = places
    .flatMap(({ pools, reservation }) => [...(reservation ? [reservation] : []), ...pools.map(poolLine)])
    .filter(({ since }) => ms(since as Timestamp | undefined) <= atMs);
  const lines = [...held, ...(last ? [pastLine(WhoseKind.LAST_HOLDER, last)] : []), ...standing];
  const roots = places.flatMap(({ pools }) => pools[0]?.pool.createdAt ?? []);
  const knownFrom = roots.toSorted((a, b) => ms(b) - ms(a))[0];
  // Stable: a holder comes before the reservation or the pool that has its length.
  return { whose: lines.toSorted((a, b) => lengthOf(b) - lengthOf(a)), ...(knownFrom && { knownFrom }) };
}
