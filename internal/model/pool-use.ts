// Pool use: how many records lie under each pool's id, kept up by what each fold adds and takes away.

import type { Map as ImmutableMap } from 'immutable';
import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { splitId } from './ids.ts';

/** Standing or not. */
export interface PoolUse {
  readonly slabs: number;
  /** In use, held or delegated. */
  readonly allocations: number;
  /** Released and not free yet; not among `allocations`. */
  readonly quarantined: number;
}

/** By pool id; a pool that nothing lies under is not in it. */
export type PoolUses = ImmutableMap<string, PoolUse>;
/** What one fold adds, by pool id: a map of plain numbers, since one fold may bring thousands of records of one pool. */
export type UseDifferences = Map<string, { -readonly [what in keyof PoolUse]: number }>;

function add(differences: UseDifferences, id: string, what: keyof PoolUse, by: number): void {
  const pool = splitId(id)?.poolId;
  if (pool === undefined) return;
  const difference = differences.get(pool) ?? { slabs: 0, allocations: 0, quarantined: 0 };
  difference[what] += by;
  differences.set(pool, difference);
}

/** @param by 1: it came; -1: it went */
export function countSlab(differences: UseDifferences, id: string, by: number): void {
  add(differences, id, 'slabs', by);
}

/** As countSlab; a record that is undefined counts nothing. */
export function countAllocation(
  differences: UseDifferences,
  id: string,
  record: Allocation | undefined,
  by: number,
): void {
  if (record === undefined) return;
  add(differences, id, record.quarantinedUntil === undefined ? 'allocations' : 'quarantined', by);
}

export function withDifferences(uses: PoolUses, differences: UseDifferences): PoolUses {
  let after = uses;
  for (const [pool, { slabs, allocations, quarantined }] of differences) {
    if (slabs === 0 && allocations === 0 && quarantined === 0) continue;
    const before = uses.get(pool);
    const next = {
      slabs: (before?.slabs ?? 0) + slabs,
      allocations: (before?.allocations ?? 0) + allocations,
      quarantined: (before?.quarantined ?? 0) + quarantined,
    };
    const empty = next.slabs === 0 && next.allocations === 0 && next.quarantined === 0;
    after = empty ? after.delete(pool) : after.set(pool, next);
  }
  return after;
}
