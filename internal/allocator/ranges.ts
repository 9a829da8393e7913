// Ranges: the reserved parts of a pool, as first and last addresses.

import type { Reservation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { reservationId, type Snapshot, splitId } from '#internal/model/model.ts';
import { addressBits, familyOf, firstNumber, type Prefix, parsePrefix, prefixLength } from '#internal/netip/netip.ts';

/** Both ends included. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

export function rangeOf(prefix: Prefix): Range {
  const first = firstNumber(prefix);
  return { first, last: first + (1n << BigInt(addressBits(familyOf(prefix)) - prefixLength(prefix))) - 1n };
}

/** Ascending and apart. Of prefixes, which are nested or apart, those that lie in others are left out. */
export function apart(ranges: Iterable<Range>): readonly Range[] {
  const sorted = [...ranges].sort((a, b) =>
    a.first < b.first ? -1 : a.first > b.first ? 1 : a.last > b.last ? -1 : 1,
  );
  const kept: Range[] = [];
  for (const range of sorted) {
    const before = kept.at(-1);
    if (before === undefined || range.first > before.last) kept.push(range);
  }
  return kept;
}

/** Those that meet the part from `first` to `last`. O(log n) and what is found. @param ranges as apart() gives them */
export function meeting(ranges: readonly Range[], { first, last }: Range): readonly Range[] {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.last ?? 0n) < first) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while ((ranges[end]?.first ?? last + 1n) <= last) end += 1;
  return low === end ? none : ranges.slice(low, end);
}

const none: readonly Range[] = [];

/** The reserved range, where the record says what its key says. */
export function reservedRange(id: string, record: Reservation): Range | undefined {
  const prefix = parsePrefix(record.prefix);
  return typeof prefix === 'string' && reservationId(record.poolId, prefix) === id ? rangeOf(prefix) : undefined;
}

export interface Reserved {
  readonly ranges: readonly Range[];
  readonly byId: ReadonlyMap<string, Range & { readonly owner: string }>;
}

// Reservations change seldom; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['reservations'], ReadonlyMap<string, Reserved>>();
const unreserved: Reserved = { ranges: none, byId: new Map() };

/** What the snapshot says is reserved in the pool. O(1), O(reservations) once after one of them changed. */
export function reservedIn(snapshot: Snapshot, poolId: string): Reserved {
  let known = remembered.get(snapshot.reservations);
  if (known === undefined) {
    known = byPool(snapshot.reservations);
    remembered.set(snapshot.reservations, known);
  }
  return known.get(poolId) ?? unreserved;
}

function byPool(reservations: Snapshot['reservations']): ReadonlyMap<string, Reserved> {
  const pools = new Map<string, Map<string, Range & { readonly owner: string }>>();
  for (const [id, { record }] of reservations) {
    const range = reservedRange(id, record);
    const pool = splitId(id)?.poolId;
    if (range === undefined || pool === undefined) continue;
    const byId = pools.get(pool) ?? new Map<string, Range & { readonly owner: string }>();
    pools.set(pool, byId.set(id, { ...range, owner: record.owner }));
  }
  return new Map([...pools].map(([pool, byId]) => [pool, { byId, ranges: apart(byId.values()) }]));
}
