// Choose a block: whole slabs of a pool that nothing was ever cut from, to be delegated.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { slabId, type Snapshot } from '#internal/model/model.ts';
import { contains, familyOf, type Prefix, prefixFrom, prefixLength } from '#internal/netip/netip.ts';
import type { FreeIndex } from './free-index.ts';
import { meeting } from './ranges.ts';
import { type Scene, sceneOf, slabAt } from './scene.ts';
import type { Block, BlockWish } from './wish.ts';

/** Each slab is a record of the transaction; 64 leave room for its other conditions. */
export const mostSlabBits = 6;

/**
 * The lowest aligned block whose slabs are all uncut and unreserved, or the one that is asked for. Refuses
 * `not-found` for a pool that does not stand; `misaligned`: longer than a slab, or more than 64 of them;
 * `pool-exhausted`; and for a prefix also `family-mismatch`, `outside-pool`, `reserved`, `overlap`: one of its slabs is
 * cut. O(slabs).
 */
export function chooseBlock(snapshot: Snapshot, index: FreeIndex, wish: BlockWish): Block | Refusal {
  const field = wish.field ?? 'pool.length';
  const scene = sceneOf(snapshot, index, wish, field);
  if (isRefusal(scene)) return scene;
  const { slabLength, prefix: around } = scene.pool;
  if (wish.length > slabLength || wish.length < slabLength - mostSlabBits) {
    const problem = `is no length of whole slabs of ${around}`;
    const cure = `${slabLength - mostSlabBits} to ${slabLength}`;
    return refuse('misaligned', { field, value: String(wish.length), problem, cure });
  }
  if (wish.prefix !== undefined) return wanted(scene, wish.prefix, { length: wish.length, field });
  const free = firstFree(scene, wish.length);
  if (free !== undefined) return free;
  const problem = `has no free /${wish.length} left`;
  return refuse('pool-exhausted', { field, value: around, problem, cure: 'a smaller block, or another pool' });
}

function wanted(scene: Scene, prefix: Prefix, asked: { length: number; field: string }): Block | Refusal {
  const { pool, space } = scene;
  const { length, field } = asked;
  const refused = (reason: Refusal['refused'], problem: string, cure: string): Refusal =>
    refuse(reason, { field, value: prefix, problem, cure });
  if (familyOf(prefix) !== familyOf(pool.prefix)) {
    return refused('family-mismatch', `is not of the family of ${pool.prefix}`, 'a prefix in the pool');
  }
  if (!contains(pool.prefix, prefix)) {
    return refused('outside-pool', `lies outside of ${pool.prefix}`, 'a prefix in the pool');
  }
  if (prefixLength(prefix) !== length) return refused('misaligned', `is no /${length}`, `a /${length}`);
  const { from, to } = space.numbersIn(prefix);
  const busy = lastBusy(scene, from, to);
  if (busy === undefined) return blockOf(scene, from, to);
  const slab = space.slabPrefix(busy.number);
  return busy.reserved
    ? refused('reserved', 'is reserved, or a part of it is', 'another one, or a length alone')
    : refused('overlap', `holds ${slab}, which is cut already`, 'another one, or a length alone');
}

function firstFree(scene: Scene, length: number): Block | undefined {
  const { pool, numbers } = scene;
  const count = 2 ** (pool.slabLength - length);
  // Numbers begin at an address with more zero bits than any block of the pool: aligned numbers are aligned addresses.
  let from = Math.ceil(numbers.from / count) * count;
  while (from + count - 1 <= numbers.to) {
    const busy = lastBusy(scene, from, from + count - 1);
    if (busy === undefined) return blockOf(scene, from, from + count - 1);
    const beyond = busy.beyond ?? busy.number;
    from = Math.floor(beyond / count) * count + count;
  }
  return undefined;
}

interface Busy {
  readonly number: number;
  readonly reserved: boolean;
  /** The last slab of what is in the way. */
  readonly beyond?: number;
}

/** The last slab that cannot be delegated: a search goes on after it. */
function lastBusy(scene: Scene, from: number, to: number): Busy | undefined {
  const { space, reserved } = scene;
  for (let number = to; number >= from; number -= 1) {
    if (space.isCut(number) || slabAt(scene, space.slabPrefix(number)) !== undefined)
      return { number, reserved: false };
    const inTheWay = meeting(reserved.ranges, space.rangeOfSlab(number)).at(-1);
    if (inTheWay === undefined) continue;
    const beyond = space.numbersIn(prefixFrom(space.family, inTheWay.last, space.bits)).from;
    return { number, reserved: true, beyond };
  }
  return undefined;
}

function blockOf({ pool, space }: Scene, from: number, to: number): Block {
  const slabs = Array.from({ length: to - from + 1 }, (_, at) => {
    const prefix = space.slabPrefix(from + at);
    return { slabId: slabId(pool.pool.id, prefix), prefix, revision: 0n };
  });
  const length = pool.slabLength - Math.log2(to - from + 1);
  return { prefix: prefixFrom(space.family, space.slabFirst(from), length), slabs };
}
