// Choose a prefix: the one that was asked for, or the reason why not.

import { create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Slab, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { allocationId, holderOf } from '#internal/model/model.ts';
import { contains, familyOf, type Prefix, prefixLength, supernet } from '#internal/netip/netip.ts';
import { rangeOf } from './ranges.ts';
import { choiceOf, isChosen, type Scene, slabAt } from './scene.ts';
import { isUsable } from './slab-space.ts';
import type { Choice, Wish } from './wish.ts';

type PrefixWish = Wish & { readonly prefix: Prefix; readonly field: string };

/**
 * Refuses, in this order: `family-mismatch`; `outside-pool`; `misaligned`: larger than a slab; `overlap`: in a slab of
 * another unit size, or a delegated one; `reserved`: for nobody or for another owner, or an address that is given to
 * nobody; `taken`. The owner's own prefix, in quarantine or without a tunnel, is taken up: the choice has its revision.
 */
export function choosePrefix(scene: Scene, wish: PrefixWish): Choice | Refusal {
  const { pool, snapshot } = scene;
  const { prefix, field, owner, homePopId } = wish;
  const misplaced = placeRefusal(scene, wish);
  if (misplaced !== undefined) return misplaced;
  const place = supernet(prefix, pool.slabLength);
  const there = slabAt(scene, place);
  if (there === 'unbelieved') {
    const problem = `lies in ${place}, whose record is wrong`;
    return refuse('overlap', { field, value: prefix, problem, cure: 'pop44 pool check' });
  }
  // One that is under way may come to be what is wanted: cut again, and the transaction tells.
  const fresh = { poolId: pool.pool.id, prefix: place, unitLength: prefixLength(prefix), homePopId };
  const slab = typeof there === 'object' ? there : { record: create(SlabSchema, fresh), revision: 0n };
  const refusal = slabRefusal(slab.record, place, wish) ?? reservedRefusal(scene, wish);
  if (refusal !== undefined) return refusal;
  const id = allocationId(pool.pool.id, prefix);
  const stored = snapshot.allocations.get(id);
  const own = stored?.record.owner === owner && ['quarantine', 'owner'].includes(holderOf(stored.record));
  if (isChosen(scene, id) || (stored !== undefined && !(own && stored.record.prefix === prefix))) {
    return refuse('taken', { field, value: prefix, problem: 'is taken', cure: 'another one, or a length alone' });
  }
  return choiceOf(scene, slab, { prefix, allocationId: id, allocationRevision: stored?.revision ?? 0n });
}

function placeRefusal({ pool }: Scene, { prefix, unitLength, field }: PrefixWish): Refusal | undefined {
  if (familyOf(prefix) !== familyOf(pool.prefix)) {
    const problem = `is not of the family of ${pool.prefix}`;
    return refuse('family-mismatch', { field, value: prefix, problem, cure: 'a prefix in the pool' });
  }
  if (!contains(pool.prefix, prefix)) {
    const problem = `lies outside of ${pool.prefix}`;
    return refuse('outside-pool', { field, value: prefix, problem, cure: 'a prefix in the pool' });
  }
  if (prefixLength(prefix) >= pool.slabLength && prefixLength(prefix) === unitLength) return undefined;
  const problem = `is no unit: they lie in slabs of /${pool.slabLength}`;
  return refuse('misaligned', { field, value: prefix, problem, cure: `a /${pool.slabLength} or longer` });
}

function slabRefusal(slab: Slab, place: Prefix, wish: PrefixWish): Refusal | undefined {
  const { prefix: value, field, unitLength } = wish;
  const overlap = (problem: string, cure: string): Refusal => refuse('overlap', { field, value, problem, cure });
  if (slab.delegatedPoolId !== '') {
    return overlap(`lies in ${place}, which is delegated`, `ask the pool ${slab.delegatedPoolId}`);
  }
  if (slab.unitLength === unitLength) return undefined;
  const units = `/${slab.unitLength}`;
  return overlap(`lies in ${place}, which is cut into units of ${units}`, `a ${units}, or a prefix elsewhere`);
}

function reservedRefusal({ reserved, space }: Scene, wish: PrefixWish): Refusal | undefined {
  const { prefix, owner, field } = wish;
  const { first, last } = rangeOf(prefix);
  const other = [...reserved.byId.values()].find(
    (held) => held.first <= last && held.last >= first && (held.owner === '' || held.owner !== owner),
  );
  if (other !== undefined) {
    const problem = `is reserved${other.owner === '' ? '' : ` for ${other.owner}`}`;
    return refuse('reserved', { field, value: prefix, problem, cure: 'another one, or a length alone' });
  }
  if (isUsable(space.bits, first, wish.unitLength)) return undefined;
  const problem = 'is given to nobody: some clients drop addresses that end in .0 or .255';
  return refuse('reserved', { field, value: prefix, problem, cure: 'another one, or a length alone' });
}
