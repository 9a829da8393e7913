import { describe, expect, test } from 'vitest';
import { poolId } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import {
  allocationOf,
  poolOf,
  quarantinedOf,
  reservationOf,
  slabOf,
  snapshotOf,
} from '#internal/testkit/pool-records.ts';
import { freeIndexOf, poolSpace } from './allocator.ts';

const four = '44.31.0.0/22';
const six = '2001:db8:44::/48';
const spaceOf = (pool: string, ...events: readonly RecordEvent[]) => {
  const snapshot = snapshotOf(poolOf(pool), ...events);
  const { $typeName: _, ...space } = poolSpace(snapshot, freeIndexOf(snapshot), poolId(pool as Prefix));
  return {
    ...space,
    units: space.units.map(({ length, slabs, used, free }) => [length, slabs, Number(used), Number(free)]),
  };
};

describe('how full a pool is [A2]', () => {
  test('one that is empty lies in one piece', () => {
    expect(spaceOf(four)).toEqual({
      total: 1024n,
      used: 0n,
      quarantined: 0n,
      reserved: 0n,
      utilisation: 0,
      slabsTotal: 4,
      slabsFree: 4,
      // Less than the whole.
      largestFreeLength: 23,
      fragmentation: 0,
      units: [],
    });
  });

  test('addresses, blocks, what is delegated, in quarantine and reserved are counted apart', () => {
    const space = spaceOf(
      four,
      slabOf(four, '44.31.0.0/24', 32),
      allocationOf(four, '44.31.0.1/32'),
      allocationOf(four, '44.31.0.2/32', { owner: 'admin/ada' }),
      quarantinedOf(four, '44.31.0.3/32', 'admin/ada', 9),
      slabOf(four, '44.31.1.0/24', 28),
      allocationOf(four, '44.31.1.16/28', { delegatedPoolId: 'x' }),
      slabOf(four, '44.31.3.0/24', 24, { delegatedPoolId: 'y' }),
      reservationOf(four, '44.31.0.128/25'),
    );
    expect(space).toMatchObject({
      total: 1024n,
      used: 2n + 16n + 256n,
      quarantined: 1n,
      reserved: 128n,
      utilisation: (2 + 16 + 256) / 1024,
      slabsTotal: 4,
      slabsFree: 1,
      largestFreeLength: 24,
      units: [
        // Neither the first address, nor the three, nor half of the slab.
        [28, 1, 1, 15],
        [32, 1, 2, 124],
      ],
    });
    expect(space.fragmentation).toBeCloseTo(1 - 256 / (256 + 15 * 16 + 124));
  });

  test('IPv6 is counted in /64, and what is longer as one', () => {
    const slabs = [slabOf(six, '2001:db8:44::/56', 64), slabOf(six, '2001:db8:44:100::/56', 60)];
    const given = [allocationOf(six, '2001:db8:44:1::/64'), allocationOf(six, '2001:db8:44:110::/60')];
    const one = [slabOf(six, '2001:db8:44:200::/56', 128), allocationOf(six, '2001:db8:44:200::1/128')];
    expect(spaceOf(six, ...slabs, ...given, ...one, reservationOf(six, '2001:db8:44:ff00::/56'))).toMatchObject({
      total: 65_536n,
      used: 1n + 16n + 1n,
      reserved: 256n,
      slabsTotal: 256,
      slabsFree: 253,
      // 64 slabs, which are the most that a delegation is.
      largestFreeLength: 50,
      units: [
        [60, 1, 1, 15],
        [64, 1, 1, 255],
        [128, 1, 1, 2 ** 30 - 1],
      ],
    });
  });

  test('where every slab is cut, the largest free unit is what could be delegated', () => {
    const slabs = [29, 32, 30, 32].map((unit, n) => slabOf(four, `44.31.${n}.0/24`, unit));
    expect(spaceOf(four, ...slabs)).toMatchObject({ slabsFree: 0, largestFreeLength: 29 });
    const full = Array.from({ length: 4 }, (_, n) => slabOf(four, `44.31.${n}.0/24`, 24, { delegatedPoolId: 'x' }));
    expect(spaceOf(four, ...full)).toMatchObject({ utilisation: 1, largestFreeLength: 0, fragmentation: 0 });
  });

  test('crumbs are called so', () => {
    const every = (step: number): readonly RecordEvent[] =>
      Array.from({ length: 256 / step }, (_, n) =>
        slabOf('44.31.0.0/16', `44.31.${n * step}.0/24`, 24, { delegatedPoolId: 'x' }),
      );
    expect(spaceOf('44.31.0.0/16', ...every(2))).toMatchObject({ largestFreeLength: 24, fragmentation: 1 - 1 / 128 });
    expect(spaceOf('44.31.0.0/16', ...every(4))).toMatchObject({ largestFreeLength: 23, slabsFree: 192 });
  });

  test('it is that of the pool as it is now, and none of one that does not stand', () => {
    const outside = [slabOf(four, '44.31.0.0/24', 32), allocationOf(four, '44.31.0.1/32')];
    expect(spaceOf(four, poolOf(four, { prefix: '44.31.2.0/23' }), ...outside)).toMatchObject({
      total: 512n,
      used: 0n,
      slabsTotal: 2,
      slabsFree: 2,
    });
    expect(spaceOf(four, poolOf(four, { slabLength: 25 }), ...outside)).toMatchObject({ total: 0n, slabsTotal: 0 });
  });
});
