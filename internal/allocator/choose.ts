// Choose: the lowest free unit of a pool for a home PoP, in a slab that exists or in one that is cut for it.

import { create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Slab, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { allocationId, type Snapshot, slabId, slabStands, standingPools } from '#internal/model/model.ts';
import { familyOf, type Prefix, prefixFrom } from '#internal/netip/netip.ts';
import type { FreeIndex } from './free-index.ts';
import type { PoolSpace } from './pool-space.ts';
import type { SlabSpace } from './slab-space.ts';
import type { Choice, Wish } from './wish.ts';

/**
 * In order: the home's slabs, a new slab, the slabs of other homes (a tunnel with such a prefix needs a route of its
 * own, which beats having no address). Refuses `pool-exhausted`, and `not-found` for a pool that does not stand.
 * O(log of the slab's size + excluded keys in it).
 */
export function choose(snapshot: Snapshot, index: FreeIndex, wish: Wish): Choice | Refusal {
  const pool = standingPools(snapshot).get(wish.poolId);
  const space = index.space(wish.poolId);
  if (pool === undefined || space === undefined) {
    return refuse('not-found', {
      field: wish.field ?? 'tunnel.pools',
      value: wish.poolId,
      problem: 'is no pool to allocate from',
      cure: 'the id or prefix of one that pool list shows',
    });
  }
  const ofHome = (homePopId: string): Choice | undefined => inSlabs(snapshot, space, wish, homePopId);
  const others = space.homes(wish.unitLength).filter((id) => id !== wish.homePopId);
  const found = ofHome(wish.homePopId) ?? inNewSlab(snapshot, space, wish) ?? firstOf(others, ofHome);
  if (found !== undefined) return found;
  return refuse('pool-exhausted', {
    field: wish.field ?? 'tunnel.pools',
    value: pool,
    problem: `has no free /${wish.unitLength} left`,
    cure: 'delete tunnels that are not used, or create another pool',
  });
}

function firstOf<T, R>(candidates: Iterable<T>, attempt: (candidate: T) => R | undefined): R | undefined {
  for (const candidate of candidates) {
    const found = attempt(candidate);
    if (found !== undefined) return found;
  }
  return undefined;
}

function inSlabs(snapshot: Snapshot, space: PoolSpace, wish: Wish, homePopId: string): Choice | undefined {
  return firstOf(space.roomy(wish.unitLength, homePopId), (slab) => {
    const prefix = prefixFrom(space.family, slab.place.first, slab.place.length);
    const stored = slabStands(snapshot, wish.poolId, prefix);
    return stored?.record.unitLength === wish.unitLength ? freeUnit(snapshot, slab, stored, wish) : undefined;
  });
}

function inNewSlab(snapshot: Snapshot, space: PoolSpace, wish: Wish): Choice | undefined {
  const { poolId, unitLength, homePopId } = wish;
  return firstOf(space.uncut(), (first) => {
    const prefix = prefixFrom(space.family, first, space.slabLength);
    const fresh = space.fresh(first, { unitLength, homePopId });
    if (fresh === undefined || snapshot.slabs.has(slabId(poolId, prefix))) return undefined;
    const record = create(SlabSchema, { poolId, prefix, unitLength, homePopId });
    return freeUnit(snapshot, fresh, { record, revision: 0n }, wish);
  });
}

function freeUnit(snapshot: Snapshot, space: SlabSpace, slab: Stored<Slab>, wish: Wish): Choice | undefined {
  const slabPrefix = slab.record.prefix as Prefix;
  const at = (from: number): Choice | undefined => {
    for (let next = space.nextFree(from); next !== undefined; next = space.nextFree(next.unit + 1)) {
      const prefix = prefixFrom(familyOf(slabPrefix), next.first, wish.unitLength);
      const id = allocationId(wish.poolId, prefix);
      if (wish.unseen.taken.has(id) || snapshot.allocations.has(id)) continue;
      if (wish.chosen?.some(({ allocationId: taken }) => taken === id)) continue;
      const where = { slabId: slabId(wish.poolId, slabPrefix), slab: slab.record, slabRevision: slab.revision };
      return { prefix, allocationId: id, allocationRevision: 0n, ...where };
    }
    return undefined;
  };
  const lowest = space.nextFree(0)?.unit ?? 0;
  return (wish.skip ? at(lowest + wish.skip) : undefined) ?? at(lowest);
}
