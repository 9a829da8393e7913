// Utilisation: how full a pool is, and in how many pieces the rest of it lies.

import { create } from '@bufbuild/protobuf';
import { type PoolSpace, PoolSpaceSchema, type UnitSpace, UnitSpaceSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type Snapshot, standingPool } from '#internal/model/model.ts';
import { addressBits, type Family, familyOf, prefixFrom, prefixLength } from '#internal/netip/netip.ts';
import { mostSlabBits } from './choose-block.ts';
import type { FreeIndex } from './free-index.ts';
import type { Numbers, PoolSpace as Space } from './pool-space.ts';

/** What is counted: IPv4 addresses, IPv6 subnets (RFC 4291 2.5.4). */
const countedLength = { 4: 32, 6: 64 } as const;
/** Of a prefix of that length, at least 1. */
const sizeOf = (family: Family, length: number): number => 2 ** Math.max(0, countedLength[family] - length);

/**
 * Of the pool as it is now; all zero when it does not stand. What the index was told of and is not committed yet
 * counts. O(slabs that are cut + reservations of the pool).
 */
export function poolSpace(snapshot: Snapshot, index: FreeIndex, poolId: string): PoolSpace {
  const pool = standingPool(snapshot, poolId);
  const space = index.space(poolId);
  if (pool === undefined || space === undefined) return create(PoolSpaceSchema);
  const family = familyOf(pool.prefix);
  const numbers = space.numbersOf(pool.prefix);
  const cut = [...space.cut()].filter((number) => number >= numbers.from && number <= numbers.to);
  const units = unitsOf(space, numbers);
  const gaps = gapsIn(space, numbers, cut);

  const sum = (what: (unit: UnitSpace) => number): number =>
    units.reduce((total, unit) => total + what(unit) * sizeOf(family, unit.length), 0);
  const slabSize = sizeOf(family, space.slabLength);
  const total = sizeOf(family, prefixLength(pool.prefix));
  const delegated = cut.filter((number) => space.isDelegated(number)).length;
  const used = delegated * slabSize + sum((unit) => Number(unit.used));
  const largest = Math.max(0, ...gaps.map(largestBlock));
  const roomy = units.find((unit) => unit.free > 0n);
  const free = gaps.reduce((slabs, { from, to }) => slabs + to - from + 1, 0) * slabSize + sum((u) => Number(u.free));
  const inOnePiece = largest > 0 ? largest * slabSize : roomy === undefined ? 0 : sizeOf(family, roomy.length);
  return create(PoolSpaceSchema, {
    total: BigInt(total),
    used: BigInt(used),
    quarantined: BigInt(sum((unit) => space.quarantine.count(unit.length))),
    reserved: BigInt(reservedIn(space, numbers)),
    // More than all of it where IPv6 is given in less than subnets.
    utilisation: Math.min(1, used / total),
    slabsTotal: numbers.to - numbers.from + 1,
    slabsFree: numbers.to - numbers.from + 1 - cut.length,
    largestFreeLength: largest > 0 ? blockLength(space, largest, prefixLength(pool.prefix)) : (roomy?.length ?? 0),
    fragmentation: free === 0 ? 0 : Math.max(0, 1 - inOnePiece / free),
    units,
  });
}

/** By length, the shortest first. */
function unitsOf(space: Space, { from, to }: Numbers): UnitSpace[] {
  const byLength = new Map<number, { slabs: number; taken: number; free: number }>();
  for (const [number, slab] of space.slabs()) {
    if (slab.use === undefined || number < from || number > to) continue;
    const unit = byLength.get(slab.use.unitLength) ?? { slabs: 0, taken: 0, free: 0 };
    unit.slabs += 1;
    unit.taken += slab.taken;
    unit.free += slab.free();
    byLength.set(slab.use.unitLength, unit);
  }
  return [...byLength]
    .sort(([a], [b]) => a - b)
    .map(([length, { slabs, taken, free }]) => {
      const used = Math.max(0, taken - space.quarantine.count(length));
      return create(UnitSpaceSchema, { length, slabs, used: BigInt(used), free: BigInt(free) });
    });
}

function reservedIn(space: Space, { from, to }: Numbers): number {
  const [first, last] = [space.slabFirst(from), space.rangeOfSlab(to).last];
  const counted = 2 ** (addressBits(space.family) - countedLength[space.family]);
  return space.reserved
    .filter((range) => range.first >= first && range.last <= last)
    .reduce((total, range) => total + Math.max(1, Number(range.last - range.first + 1n) / counted), 0);
}

/** Runs of slabs that are neither cut nor touched by a reservation. */
function gapsIn(space: Space, { from, to }: Numbers, cut: readonly number[]): readonly Numbers[] {
  const host = (address: bigint): number => space.numbersIn(prefixFrom(space.family, address, space.bits)).from;
  const busy = [
    ...cut.map((number) => ({ from: number, to: number })),
    ...space.reserved.map(({ first, last }) => ({ from: host(first), to: host(last) })),
  ].sort((a, b) => a.from - b.from);
  const gaps: Numbers[] = [];
  let next = from;
  for (const one of busy) {
    if (one.from > next && next <= to) gaps.push({ from: next, to: Math.min(to, one.from - 1) });
    next = Math.max(next, one.to + 1);
  }
  if (next <= to) gaps.push({ from: next, to });
  return gaps;
}

/** Slabs of the largest power of two that lies aligned in the gap. */
function largestBlock({ from, to }: Numbers): number {
  const most = 2 ** Math.floor(Math.log2(to - from + 1));
  // Half of it always fits.
  return Math.ceil(from / most) * most + most - 1 <= to ? most : most / 2;
}

/** A delegation is 64 slabs at most, and less than the pool. */
function blockLength(space: Space, slabs: number, poolLength: number): number {
  const length = Math.max(poolLength + 1, space.slabLength - Math.min(mostSlabBits, Math.log2(slabs)));
  return length > space.bits ? 0 : length;
}
