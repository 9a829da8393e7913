// Uncut: slabs in which nothing lies any more go back to the pool, where they can be cut for another unit size or home.

import type { FreeIndex } from '#internal/allocator/allocator.ts';
import { type Snapshot, slabId } from '#internal/model/model.ts';
import type { Compare, Decision, Write } from '#internal/model/record.ts';
import { noOthers } from './absence.ts';

// etcd takes 128 conditions a transaction; audit, operation and fence are among them.
const mostConditions = 100;

/**
 * Deletes the pool's empty slabs, as many as one transaction takes; undefined when there are none. An allocation compares
 * its slab and does not write it: that none has come is a condition of its own. O(slabs that are cut).
 */
export function uncutSlabs(snapshot: Snapshot, index: FreeIndex, poolId: string): Decision | undefined {
  const space = index.space(poolId);
  const compares: Compare[] = [];
  const writes: Write[] = [];
  for (const [number, slab] of space?.slabs() ?? []) {
    // What hand-written keys spell counts as well.
    if (space === undefined || slab.use === undefined || some(slab.firsts())) continue;
    const prefix = space.slabPrefix(number);
    const id = slabId(poolId, prefix);
    const stored = snapshot.slabs.get(id);
    if (stored === undefined || stored.record.delegatedPoolId !== '') continue;
    const conditions = [
      { kind: 'slab' as const, id, revision: stored.revision },
      ...noOthers(snapshot, poolId, prefix, []),
    ];
    if (compares.length + conditions.length > mostConditions) break;
    compares.push(...conditions);
    writes.push({ op: 'delete', kind: 'slab', id });
  }
  return writes.length === 0 ? undefined : { compares, writes };
}

function some(items: Iterable<unknown>): boolean {
  for (const _ of items) return true;
  return false;
}
