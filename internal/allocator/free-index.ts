// Free index: the free space of every pool, kept up to date by the changes of each fold.

import { type RecordChange, type Snapshot, splitId } from '#internal/model/model.ts';
import { PoolSpace } from './pool-space.ts';
import { reservedRange } from './ranges.ts';

/** Mutable, and derived: freeIndexOf(snapshot) gives the same as the updates that led to that snapshot. */
export interface FreeIndex {
  /**
   * In O(log n) a change, O(n) for a reservation. Only what each key is now counts, neither order nor repetition: what
   * was chosen may be told before it is committed, and taken back by telling what the snapshot has.
   */
  update(changes: readonly RecordChange[]): void;
  /** What lies in the pool of this id; undefined when nothing was ever cut there and the id spells no prefix. */
  space(poolId: string): PoolSpace | undefined;
}

export function createFreeIndex(): FreeIndex {
  const pools = new Map<string, PoolSpace>();
  const space = (poolId: string): PoolSpace | undefined => {
    const known = pools.get(poolId);
    if (known !== undefined) return known;
    const made = PoolSpace.of(poolId);
    if (made !== undefined) pools.set(poolId, made);
    return made;
  };
  return {
    space,
    update(changes) {
      for (const { kind, id, after } of changes) {
        if (kind !== 'slab' && kind !== 'allocation' && kind !== 'reservation') continue;
        const parts = splitId(id);
        const pool = parts && space(parts.poolId);
        if (parts === undefined || pool === undefined) continue;
        if (kind === 'reservation') {
          pool.setReservation(id, after && reservedRange(id, after.record));
          continue;
        }
        // Another width of the address, or no address: no key that we would ever make.
        if (parts.hex.length !== pool.bits / 4 || !/^[0-9a-f]+$/.test(parts.hex)) continue;
        const first = BigInt(`0x${parts.hex}`);
        if (kind === 'slab') pool.setSlab(first, after?.record);
        else pool.setAllocation(first, after?.record);
      }
    },
  };
}

export function freeIndexOf(snapshot: Snapshot): FreeIndex {
  const index = createFreeIndex();
  for (const [id, after] of snapshot.reservations) index.update([{ kind: 'reservation', id, after }]);
  for (const [id, after] of snapshot.slabs) index.update([{ kind: 'slab', id, after }]);
  for (const [id, after] of snapshot.allocations) index.update([{ kind: 'allocation', id, after }]);
  return index;
}
