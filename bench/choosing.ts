// Choosing: what finding a free address costs in pools that hold a million allocations, and what remembering them does.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create } from '@bufbuild/protobuf';
import { choose, createFreeIndex, type FreeIndex } from '#internal/allocator/allocator.ts';
import { isRefusal } from '#internal/errors/errors.ts';
import { AllocationSchema, PoolSchema, type Slab, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  allocationId,
  emptySnapshot,
  fold,
  poolId,
  type Snapshot,
  slabId,
  slabLengthOf,
} from '#internal/model/model.ts';
import type { RecordEvent, Stored } from '#internal/model/record.ts';
import { nthSubprefix, type Prefix } from '#internal/netip/netip.ts';

const million = 1_000_000;
const choices = 10_000;
/** Code that has just been loaded is not compiled yet; a daemon chooses all day. */
const warmUp = 5_000;
/** Requests under way whose keys no snapshot shows yet. */
const unseen = 256;

interface Filled {
  readonly snapshot: Snapshot;
  readonly index: FreeIndex;
  readonly bytes: number;
}

/** Slabs filled from the pool's start, each but for one unit in the middle: not the easiest case. */
function fill(pool: Prefix, unitLength: number): Filled {
  const id = poolId(pool);
  const slabLength = slabLengthOf(pool);
  const record = create(PoolSchema, { id, prefix: pool, realmId: 'internet', slabLength, createdAt: { seconds: 1n } });
  const events: RecordEvent[] = [{ kind: 'pool', id, stored: { revision: 1n, record } }];
  const perSlab = 2 ** Math.min(16, unitLength - slabLength);
  for (let n = 0, slab = 0; n < million; slab += 1) {
    const prefix = nthSubprefix(pool, slabLength, BigInt(slab));
    const cut = create(SlabSchema, { poolId: id, prefix, unitLength, homePopId: 'p1' });
    events.push({ kind: 'slab', id: slabId(id, prefix), stored: { revision: 1n, record: cut } });
    for (let unit = 1; unit < perSlab - 1 && n < million; unit += 1, n += 1) {
      if (unit === perSlab >> 1) continue;
      const given = nthSubprefix(prefix, unitLength, BigInt(unit));
      const allocation = create(AllocationSchema, { poolId: id, prefix: given, owner: 'bench' });
      events.push({ kind: 'allocation', id: allocationId(id, given), stored: { revision: 1n, record: allocation } });
    }
  }
  const folded = fold(emptySnapshot(), { revision: 1n, relisted: true, events });
  events.length = 0;
  const before = heap();
  const index = createFreeIndex();
  index.update(folded.changes);
  return { snapshot: folded.snapshot, index, bytes: (heap() - before) / million };
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heap(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** Microseconds a choice, each marked in the index as the daemon does, with hundreds not to be seen in the snapshot. */
function timed(pool: Prefix, unitLength: number, { snapshot, index }: Filled): number {
  const taken = new Set<string>();
  const slabs = new Map<string, Stored<Slab>>();
  const once = (): void => {
    const choice = choose(snapshot, index, {
      poolId: poolId(pool),
      unitLength,
      homePopId: 'p1',
      owner: 'bench',
      unseen: { taken, slab: (id) => slabs.get(id) },
    });
    if (isRefusal(choice)) throw new Error(choice.message);
    taken.add(choice.allocationId);
    const record = create(AllocationSchema, { prefix: choice.prefix });
    index.update([{ kind: 'allocation', id: choice.allocationId, after: { record, revision: 0n } }]);
    if (choice.slabRevision > 0n) return;
    slabs.set(choice.slabId, { record: choice.slab, revision: 2n });
    index.update([{ kind: 'slab', id: choice.slabId, after: { record: choice.slab, revision: 2n } }]);
  };
  for (let n = 0; n < warmUp; n += 1) once();
  for (const id of [...taken].slice(0, -unseen)) taken.delete(id);
  const began = performance.now();
  for (let n = 0; n < choices; n += 1) once();
  return (1_000 * (performance.now() - began)) / choices;
}

export function choosing(): { readonly us4: number; readonly us6: number; bytes4: number; bytes6: number } {
  const one = (pool: Prefix, unitLength: number): readonly [us: number, bytes: number] => {
    const filled = fill(pool, unitLength);
    return [timed(pool, unitLength, filled), filled.bytes];
  };
  const [us4, bytes4] = one('44.0.0.0/8' as Prefix, 32);
  const [us6, bytes6] = one('2001:db8::/32' as Prefix, 64);
  return { us4, us6, bytes4, bytes6 };
}
