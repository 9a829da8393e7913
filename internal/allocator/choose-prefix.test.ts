import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
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
import { choose, freeIndexOf, nothingUnseen, type Wish } from './allocator.ts';

const pool = '44.31.0.0/22';
const ada = 'admin/ada';
const bob = 'admin/bob';
const p = (text: string): Prefix => text as Prefix;
const wish = (prefix: string, rest: Partial<Wish> = {}): Wish => ({
  poolId: poolId(p(pool)),
  unitLength: Number(prefix.split('/')[1]),
  homePopId: 'p2',
  owner: ada,
  prefix: p(prefix),
  unseen: nothingUnseen,
  ...rest,
});
const chosen = (wanted: Wish, ...events: readonly RecordEvent[]) => {
  const snapshot = snapshotOf(poolOf(pool), ...events);
  return choose(snapshot, freeIndexOf(snapshot), wanted);
};
const word = (outcome: object): string => (isRefusal(outcome) ? outcome.refused : 'given');

describe('a chosen prefix [A2]', () => {
  const addresses = slabOf(pool, '44.31.1.0/24', 32);
  const blocks = slabOf(pool, '44.31.1.0/24', 29);
  const inUse = allocationOf(pool, '44.31.1.8/29', { owner: ada, tunnelId: 't1' });

  const cases: readonly (readonly [name: string, wish: Wish, there: readonly RecordEvent[], outcome: string])[] = [
    ['a free address in a slab of addresses', wish('44.31.1.7/32'), [addresses], 'given'],
    ['a free block in a slab of such blocks', wish('44.31.1.8/29'), [blocks], 'given'],
    ['one where no slab is', wish('44.31.1.7/32'), [], 'given'],
    ['of the other family', wish('2001:db8:44::/64'), [], 'family-mismatch'],
    ['outside of the pool', wish('44.31.4.1/32'), [], 'outside-pool'],
    ['around the pool', wish('44.31.0.0/21'), [], 'outside-pool'],
    ['larger than a slab', wish('44.31.2.0/23'), [], 'misaligned'],
    ['of another length than is wished for', wish('44.31.1.8/29', { unitLength: 32 }), [], 'misaligned'],
    ['an address in a slab of blocks', wish('44.31.1.7/32'), [blocks], 'overlap'],
    ['a block in a slab of addresses', wish('44.31.1.8/29'), [addresses], 'overlap'],
    [
      'in a delegated slab',
      wish('44.31.1.7/32'),
      [slabOf(pool, '44.31.1.0/24', 32, { delegatedPoolId: 'x' })],
      'overlap',
    ],
    [
      'in a slab that lies about itself',
      wish('44.31.1.7/32'),
      [slabOf(pool, '44.31.1.0/24', 32, { poolId: 'x' })],
      'overlap',
    ],
    ['in use by the owner', wish('44.31.1.8/29'), [blocks, inUse], 'taken'],
    [
      'held by the owner without a tunnel',
      wish('44.31.1.8/29'),
      [blocks, allocationOf(pool, '44.31.1.8/29', { owner: ada })],
      'given',
    ],
    [
      'held by another one without a tunnel',
      wish('44.31.1.8/29'),
      [blocks, allocationOf(pool, '44.31.1.8/29', { owner: bob })],
      'taken',
    ],
    ["in the owner's quarantine", wish('44.31.1.8/29'), [blocks, quarantinedOf(pool, '44.31.1.8/29', ada, 9)], 'given'],
    [
      "in another one's quarantine",
      wish('44.31.1.8/29'),
      [blocks, quarantinedOf(pool, '44.31.1.8/29', bob, 9)],
      'taken',
    ],
    [
      'delegated',
      wish('44.31.1.8/29'),
      [blocks, allocationOf(pool, '44.31.1.8/29', { owner: ada, delegatedPoolId: 'x' })],
      'taken',
    ],
    [
      'whose key another prefix has',
      wish('44.31.1.8/29'),
      [blocks, allocationOf(pool, '44.31.1.8/32', { owner: ada })],
      'taken',
    ],
    ['reserved for nobody', wish('44.31.1.8/29'), [reservationOf(pool, '44.31.1.0/28')], 'reserved'],
    ['reserved in part', wish('44.31.1.8/29'), [reservationOf(pool, '44.31.1.9/32', bob)], 'reserved'],
    ['reserved for another one', wish('44.31.1.7/32'), [reservationOf(pool, '44.31.0.0/23', bob)], 'reserved'],
    ['reserved for the owner', wish('44.31.1.7/32'), [reservationOf(pool, '44.31.0.0/23', ada)], 'given'],
    ['beside what is reserved', wish('44.31.1.7/32'), [reservationOf(pool, '44.31.2.0/23')], 'given'],
    ['an address that ends in .0', wish('44.31.1.0/32'), [], 'reserved'],
    ['an address that ends in .255', wish('44.31.1.255/32'), [addresses], 'reserved'],
  ];
  test.each(cases)('%s', (_name, wanted, there, outcome) => {
    expect(word(chosen(wanted, ...there))).toBe(outcome);
  });

  test('comes with the revision of the record that is taken up, and with the slab as it is', () => {
    const own = allocationOf(pool, '44.31.1.8/29', { owner: ada });
    expect(chosen(wish('44.31.1.8/29'), blocks, own)).toMatchObject({
      prefix: '44.31.1.8/29',
      allocationRevision: 1n,
      slabRevision: 1n,
      slab: { homePopId: 'p1', unitLength: 29 },
    });
  });

  test("cuts a slab of its size where none is, at the wish's home or the pool's", () => {
    const made = { allocationRevision: 0n, slabRevision: 0n, slab: { prefix: '44.31.1.0/24', unitLength: 29 } };
    expect(chosen(wish('44.31.1.8/29'))).toMatchObject({ ...made, slab: { ...made.slab, homePopId: 'p2' } });
    const ofHome = chosen(wish('44.31.1.8/29'), poolOf(pool, { homePopId: 'p3' }));
    expect(ofHome).toMatchObject({ ...made, slab: { ...made.slab, homePopId: 'p3' } });
  });

  test('is taken when it was chosen already, by another request or by this one', () => {
    const first = chosen(wish('44.31.1.8/29'));
    if (isRefusal(first)) throw new TypeError(first.message);
    const taken = new Set([first.allocationId]);
    expect(word(chosen(wish('44.31.1.8/29', { unseen: { ...nothingUnseen, taken } })))).toBe('taken');
    expect(word(chosen(wish('44.31.1.8/29', { chosen: [first] })))).toBe('taken');
    expect(word(chosen(wish('44.31.1.7/32', { chosen: [first] })))).toBe('overlap');
    expect(word(chosen(wish('44.31.1.16/29', { chosen: [first] })))).toBe('given');
  });

  test('in a slab that is being cut is left for the transaction to tell', () => {
    const unseen = { ...nothingUnseen, slab: () => 'flying' as const };
    expect(chosen(wish('44.31.1.8/29', { unseen }))).toMatchObject({ prefix: '44.31.1.8/29', slabRevision: 0n });
  });

  test('a refusal names the field that it was asked with', () => {
    expect(chosen(wish('44.31.4.1/32', { field: 'wishes[2].prefix' }))).toMatchObject({ field: 'wishes[2].prefix' });
  });
});
