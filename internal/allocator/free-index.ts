// Free index: the free space of every pool, kept up to date by the changes of each fold.

import { type RecordChange, type Snapshot, splitId } from '#internal/model/model.ts';
import { PoolSpace } from './pool-space.ts';

/** Mutable, and derived: freeIndexOf(snapshot) gives the same as the updates that led to that snapshot. */
export interface FreeIndex {
  /** In O(1) a change. The order of the changes does not matter. */
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
        if (kind !== 'slab' && kind !== 'allocation') continue;
        const parts = splitId(id);
        // Another width of the address, or no address: no key that we would ever make.
        if (parts === undefined || !/^([0-9a-f]{8}|[0-9a-f]{32})$/.test(parts.hex)) continue;
        const pool = space(parts.poolId);
        if (pool === undefined || parts.hex.length !== pool.bits / 4) continue;
        const first = BigInt(`0x${parts.hex}`);
        if (kind === 'slab') pool.setSlab(first, after?.record);
        else pool.setTaken(first, after !== undefined);
      }
    },
  };
}

export function freeIndexOf(snapshot: Snapshot): FreeIndex {
  const index = createFreeIndex();
  for (const [id, after] of snapshot.slabs) index.update([{ kind: 'slab', id, after }]);
  for (const [id, after] of snapshot.allocations) index.update([{ kind: 'allocation', id, after }]);
  return index;
}
