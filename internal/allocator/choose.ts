// Choose: a unit of a pool for an owner: one that it had before, or the lowest free one, in a slab that exists or in one
// that is cut for it.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Slab, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { allocationId, holderOf, type Snapshot } from '#internal/model/model.ts';
import { type Prefix, prefixFrom, supernet } from '#internal/netip/netip.ts';
import { choosePrefix } from './choose-prefix.ts';
import type { FreeIndex } from './free-index.ts';
import { meeting, rangeOf } from './ranges.ts';
import { choiceOf, isChosen, type Scene, sceneOf, slabAt } from './scene.ts';
import { isUsable, type SlabSpace } from './slab-space.ts';
import type { Choice, Wish } from './wish.ts';

/**
 * A wish with a prefix gets that one (see choosePrefix). Any other one, in order: what the owner released last and is
 * in quarantine, the home's slabs, a new slab, the slabs of other homes (a tunnel with such a prefix needs a route of
 * its own, which beats having no address). Never what is reserved, delegated or in another owner's quarantine, which
 * lasts until it is swept, however long it is over.
 *
 * Refuses `pool-exhausted`, and `not-found` for a pool that does not stand. Whether a pool is frozen is the caller's to
 * ask. O(log n + keys that were chosen and not yet told to the index).
 */
export function choose(snapshot: Snapshot, index: FreeIndex, wish: Wish): Choice | Refusal {
  const field = wish.field ?? 'tunnel.pools';
  const scene = sceneOf(snapshot, index, wish, field);
  if (isRefusal(scene)) return scene;
  const { pool, space } = scene;
  const homePopId = pool.pool.homePopId || wish.homePopId;
  if (wish.prefix !== undefined) return choosePrefix(scene, { ...wish, homePopId, prefix: wish.prefix, field });
  const ofHome = (home: string): Choice | undefined => inSlabs(scene, wish, home);
  const otherHomes = (): readonly string[] => space.homes(wish.unitLength).filter((home) => home !== homePopId);
  const found =
    inQuarantine(scene, wish) ??
    ofHome(homePopId) ??
    inNewSlab(scene, wish, homePopId) ??
    firstOf(otherHomes(), ofHome);
  if (found !== undefined) return found;
  return refuse('pool-exhausted', {
    field,
    value: pool.prefix,
    problem: `has no free /${wish.unitLength} left`,
    cure: 'release some, or create or grow a pool: each slab gives one length',
  });
}

function firstOf<T, R>(candidates: Iterable<T>, attempt: (candidate: T) => R | undefined): R | undefined {
  for (const candidate of candidates) {
    const found = attempt(candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}

const isReserved = ({ reserved }: Scene, prefix: Prefix): boolean =>
  reserved.ranges.length > 0 && meeting(reserved.ranges, rangeOf(prefix)).length > 0;

function inQuarantine(scene: Scene, { unitLength, owner }: Wish): Choice | undefined {
  const { snapshot, pool, space } = scene;
  return firstOf(space.quarantine.latest(unitLength, owner), (first) => {
    if (!isUsable(space.bits, first, unitLength)) return undefined;
    const prefix = prefixFrom(space.family, first, unitLength);
    const id = allocationId(pool.pool.id, prefix);
    const stored = snapshot.allocations.get(id);
    if (stored === undefined || isChosen(scene, id) || isReserved(scene, prefix)) return undefined;
    const { record, revision } = stored;
    if (holderOf(record) !== 'quarantine' || record.owner !== owner || record.prefix !== prefix) return undefined;
    const { from, to } = space.numbersIn(prefix);
    if (from < scene.numbers.from || to > scene.numbers.to) return undefined;
    const slab = slabAt(scene, supernet(prefix, pool.slabLength));
    if (typeof slab !== 'object' || !serves(slab.record, unitLength)) return undefined;
    return choiceOf(scene, slab, { prefix, allocationId: id, allocationRevision: revision });
  });
}

const serves = (slab: Slab, unitLength: number): boolean =>
  slab.unitLength === unitLength && slab.delegatedPoolId === '';

function inSlabs(scene: Scene, wish: Wish, homePopId: string): Choice | undefined {
  return firstOf(scene.space.roomy(wish.unitLength, homePopId, scene.numbers), ([number, space]) => {
    const slab = slabAt(scene, scene.space.slabPrefix(number));
    if (typeof slab !== 'object' || !serves(slab.record, wish.unitLength)) return undefined;
    return freeUnit(scene, space, slab, wish);
  });
}

function inNewSlab(scene: Scene, wish: Wish, homePopId: string): Choice | undefined {
  const { pool, space, numbers } = scene;
  const { unitLength } = wish;
  if (unitLength < space.slabLength || unitLength > space.bits) return undefined;
  return firstOf(space.uncut(numbers), (number) => {
    const prefix = space.slabPrefix(number);
    const cut = slabAt(scene, prefix);
    // Cut by this daemon though the index was not told: of use when it was cut for the same.
    const fits = typeof cut === 'object' && cut.record.homePopId === homePopId && serves(cut.record, unitLength);
    if (cut !== undefined && !fits) return undefined;
    const record = create(SlabSchema, { poolId: pool.pool.id, prefix, unitLength, homePopId });
    const slab = fits ? cut : { record, revision: 0n };
    return freeUnit(scene, space.fresh(number, { unitLength, homePopId }), slab, wish);
  });
}

function freeUnit(scene: Scene, space: SlabSpace, slab: Stored<Slab>, wish: Wish): Choice | undefined {
  const { snapshot, pool } = scene;
  const at = (from: number): Choice | undefined => {
    for (let next = space.nextFree(from); next !== undefined; next = space.nextFree(next.unit + 1)) {
      const prefix = prefixFrom(scene.space.family, next.first, wish.unitLength);
      const id = allocationId(pool.pool.id, prefix);
      if (isChosen(scene, id) || snapshot.allocations.has(id) || isReserved(scene, prefix)) continue;
      return choiceOf(scene, slab, { prefix, allocationId: id, allocationRevision: 0n });
    }
    return undefined;
  };
  const lowest = space.nextFree(0)?.unit ?? 0;
  return (wish.skip ? at(lowest + wish.skip) : undefined) ?? at(lowest);
}
