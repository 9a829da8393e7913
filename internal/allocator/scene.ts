// Scene: what a choice looks at, and whether a slab or a key may be used. The index proposes; the snapshot, and what
// this daemon has chosen since, decide here.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { slabId, type Snapshot, type StandingPool, standingPool } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import type { FreeIndex } from './free-index.ts';
import type { Numbers, PoolSpace } from './pool-space.ts';
import { type Reserved, reservedIn } from './ranges.ts';
import type { Choice, Unseen } from './wish.ts';

export interface Scene {
  readonly snapshot: Snapshot;
  readonly pool: StandingPool;
  readonly space: PoolSpace;
  /** The slabs of the pool as it is now. */
  readonly numbers: Numbers;
  readonly reserved: Reserved;
  readonly unseen: Unseen;
  readonly chosen: readonly Choice[];
}

/** Refuses `not-found` for a pool that does not stand. */
export function sceneOf(
  snapshot: Snapshot,
  index: FreeIndex,
  asked: { readonly poolId: string; readonly unseen: Unseen; readonly chosen?: readonly Choice[] },
  field: string,
): Scene | Refusal {
  const { poolId, unseen, chosen = [] } = asked;
  const pool = standingPool(snapshot, poolId);
  const space = index.space(poolId);
  if (pool === undefined || space === undefined) {
    const problem = 'is no pool to allocate from';
    const cure = 'the id or prefix of one that pool list shows';
    return refuse('not-found', { field, value: poolId, problem, cure });
  }
  const numbers = space.numbersOf(pool.prefix);
  return { snapshot, pool, space, numbers, reserved: reservedIn(snapshot, poolId), unseen, chosen };
}

/**
 * The record that units of the slab are given with (revision 0n: cut with them); `flying`: a transaction with it is
 * under way; `unbelieved`: it does not say what its key says; undefined: nothing was ever cut here.
 * @param prefix a slab's place in the pool as it is now
 */
export function slabAt(
  { snapshot, pool, unseen, chosen }: Scene,
  prefix: Prefix,
): Stored<Slab> | 'flying' | 'unbelieved' | undefined {
  const poolId = pool.pool.id;
  const id = slabId(poolId, prefix);
  const believed = (stored: Stored<Slab>): Stored<Slab> | 'unbelieved' =>
    stored.record.poolId === poolId && stored.record.prefix === prefix ? stored : 'unbelieved';
  const cut = unseen.slab(id);
  if (cut === 'flying') return cut;
  const seen = snapshot.slabs.get(id) ?? cut;
  if (seen !== undefined) return believed(seen);
  const along = chosen.find((choice) => choice.slabId === id);
  return along && { record: along.slab, revision: along.slabRevision };
}

/** The key was chosen already, by this request or by another one of this daemon. */
export function isChosen({ unseen, chosen }: Scene, allocation: string): boolean {
  return unseen.taken.has(allocation) || chosen.some(({ allocationId }) => allocationId === allocation);
}

/** The unit in that slab, for a key that is absent or (`allocationRevision`) the owner's own. */
export function choiceOf(
  { pool }: Scene,
  slab: Stored<Slab>,
  unit: { readonly prefix: Prefix; readonly allocationId: string; readonly allocationRevision: bigint },
): Choice {
  const id = slabId(pool.pool.id, slab.record.prefix as Prefix);
  return { ...unit, slabId: id, slab: slab.record, slabRevision: slab.revision };
}
