import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { AllocationSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { poolId, type Snapshot } from '#internal/model/model.ts';
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
import { type Choice, choose, type FreeIndex, freeIndexOf, nothingUnseen, type Wish } from './allocator.ts';

const pool = '44.31.0.0/22';
const ada = 'admin/ada';
const bob = 'admin/bob';
const wish = (unitLength: number, rest: Partial<Wish> = {}): Wish => ({
  poolId: poolId((unitLength > 32 ? '2001:db8:44::/48' : pool) as Prefix),
  unitLength,
  homePopId: 'p1',
  owner: ada,
  unseen: nothingUnseen,
  ...rest,
});
const from = (snapshot: Snapshot, wanted: Wish, index: FreeIndex = freeIndexOf(snapshot)): Choice => {
  const choice = choose(snapshot, index, wanted);
  if (isRefusal(choice)) throw new TypeError(choice.message);
  return choice;
};
const given = (wanted: Wish, ...events: readonly RecordEvent[]): string =>
  from(snapshotOf(poolOf(pool), ...events), wanted).prefix;

describe('what was released [A2]', () => {
  const slab = slabOf(pool, '44.31.1.0/24', 32);
  test('comes back to its owner, the latest first, with its revision', () => {
    const snapshot = snapshotOf(
      poolOf(pool),
      slab,
      quarantinedOf(pool, '44.31.1.7/32', ada, 20),
      quarantinedOf(pool, '44.31.1.8/32', ada, 30),
      quarantinedOf(pool, '44.31.1.9/32', ada, 10),
      quarantinedOf(pool, '44.31.1.10/32', bob, 40),
    );
    expect(from(snapshot, wish(32))).toMatchObject({
      prefix: '44.31.1.8/32',
      allocationRevision: 1n,
      slabRevision: 1n,
    });
    const first = from(snapshot, wish(32));
    expect(from(snapshot, wish(32, { chosen: [first] })).prefix).toBe('44.31.1.7/32');
    const taken = new Set([first.allocationId]);
    expect(from(snapshot, wish(32, { unseen: { ...nothingUnseen, taken } })).prefix).toBe('44.31.1.7/32');
    expect(from(snapshot, wish(32, { homePopId: 'p2' })).prefix).toBe('44.31.1.8/32');
  });

  const cases: readonly (readonly [name: string, released: RecordEvent, more: readonly RecordEvent[]])[] = [
    ['by another one', quarantinedOf(pool, '44.31.1.7/32', bob, 9), []],
    ['in another size', quarantinedOf(pool, '44.31.1.8/29', ada, 9), []],
    ['and is reserved since', quarantinedOf(pool, '44.31.1.7/32', ada, 9), [reservationOf(pool, '44.31.1.4/30', ada)]],
    [
      'and lies in a delegated slab',
      quarantinedOf(pool, '44.31.2.7/32', ada, 9),
      [slabOf(pool, '44.31.2.0/24', 32, { delegatedPoolId: 'x' })],
    ],
    ['and lies in no slab', quarantinedOf(pool, '44.31.2.7/32', ada, 9), []],
    [
      'and lies outside of what the pool is now',
      quarantinedOf(pool, '44.31.1.7/32', ada, 9),
      [poolOf(pool, { prefix: '44.31.0.0/24' }), slabOf(pool, '44.31.0.0/24', 32)],
    ],
    [
      'and says so of another prefix',
      allocationOf(pool, '44.31.1.7/32', { owner: ada, prefix: '44.31.1.9/32', quarantinedUntil: {} }),
      [],
    ],
  ];
  test.each(cases)('%s does not', (_name, released, more) => {
    expect(given(wish(32), slab, released, ...more)).toMatch(/^44\.31\.[01]\.1\/32$/);
  });

  test('is not free for others, however long ago it ended, until it is swept', () => {
    expect(given(wish(32), slab, quarantinedOf(pool, '44.31.1.1/32', bob, 0))).toBe('44.31.1.2/32');
  });

  test('of a thousand, none is looked at but the last', () => {
    const many = Array.from({ length: 1000 }, (_, at) =>
      quarantinedOf(pool, `44.31.${at >> 8}.${at & 255}/32`, ada, at),
    );
    const slabs = [0, 1, 2, 3].map((n) => slabOf(pool, `44.31.${n}.0/24`, 32));
    const snapshot = snapshotOf(poolOf(pool), ...slabs, ...many);
    const index = freeIndexOf(snapshot);
    let looked = 0;
    const unseen = { taken: new Set<string>(), slab: () => ((looked += 1), undefined) };
    expect(from(snapshot, wish(32, { unseen }), index).prefix).toBe('44.31.3.231/32');
    expect(looked).toBe(1);
  });
});

describe('what is reserved [A2]', () => {
  const cases: readonly (readonly [name: string, unit: number, reserved: readonly string[], first: string])[] = [
    ['nothing', 32, [], '44.31.0.1/32'],
    ['an address', 32, ['44.31.0.1/32'], '44.31.0.2/32'],
    ['a part of a block', 29, ['44.31.0.1/32'], '44.31.0.8/29'],
    ['half a slab', 32, ['44.31.0.0/25'], '44.31.0.128/32'],
    ['a slab', 32, ['44.31.0.0/24'], '44.31.1.1/32'],
    ['three slabs in two pieces', 29, ['44.31.0.0/24', '44.31.1.0/24', '44.31.2.0/24'], '44.31.3.0/29'],
    ['several slabs at once', 32, ['44.31.0.0/23', '44.31.2.0/30', '44.31.2.4/32'], '44.31.2.5/32'],
    ['one in another, as only a hand writes it', 32, ['44.31.0.0/24', '44.31.0.64/26', '44.31.1.0/30'], '44.31.1.4/32'],
  ];
  test.each(cases)('is skipped: %s', (_name, unit, reserved, first) => {
    const events = reserved.map((prefix) => reservationOf(pool, prefix, ada));
    expect(given(wish(unit), ...events)).toBe(first);
    // In a slab that is there as in one that is not.
    const slabs = [0, 1, 2, 3].map((n) => slabOf(pool, `44.31.${n}.0/24`, unit));
    expect(given(wish(unit), ...slabs, ...events)).toBe(first);
  });

  test('is skipped by its record in the snapshot too, where the index does not know it', () => {
    const reserved = snapshotOf(poolOf(pool), reservationOf(pool, '44.31.0.0/24'));
    expect(from(reserved, wish(32), freeIndexOf(snapshotOf(poolOf(pool)))).prefix).toBe('44.31.1.1/32');
  });
});

describe('what nobody sees yet', () => {
  const id = `${poolId(pool as Prefix)}/2c1f0000`;
  const record = create(SlabSchema, {
    poolId: poolId(pool as Prefix),
    prefix: '44.31.0.0/24',
    unitLength: 32,
    homePopId: 'p1',
  });
  const unseen = (slab: Wish['unseen']['slab']): Partial<Wish> => ({ unseen: { taken: new Set(), slab } });
  const only = (stored: ReturnType<Wish['unseen']['slab']>): Partial<Wish> =>
    unseen((asked) => (asked === id ? stored : undefined));
  const cut = { record, revision: 0n };

  test.each(['with', 'without'])('a slab that is being cut for the same is used along, %s the index knowing', (how) => {
    const snapshot = snapshotOf(poolOf(pool));
    const index = freeIndexOf(snapshot);
    if (how === 'with') index.update([{ kind: 'slab', id, after: cut }]);
    expect(from(snapshot, wish(32, only(cut)), index)).toMatchObject({
      prefix: '44.31.0.1/32',
      slab: record,
      slabRevision: 0n,
    });
    expect(from(snapshot, wish(29, only(cut)), index)).toMatchObject({ prefix: '44.31.1.0/29' });
    expect(from(snapshot, wish(32, { ...only(cut), homePopId: 'p2' }), index)).toMatchObject({
      prefix: '44.31.1.1/32',
    });
  });

  test.each(['with', 'without'])('a slab that is under way is neither used nor cut, %s the index knowing', (how) => {
    const snapshot = snapshotOf(poolOf(pool));
    const index = freeIndexOf(snapshot);
    if (how === 'with') index.update([{ kind: 'slab', id, after: cut }]);
    expect(from(snapshot, wish(32, only('flying')), index)).toMatchObject({ prefix: '44.31.1.1/32', slabRevision: 0n });
  });

  test('choices of one request share the slabs that they cut, and no other ones', () => {
    const snapshot = snapshotOf(poolOf(pool));
    const chosen: Choice[] = [];
    for (const unit of [29, 32, 29, 32, 28]) chosen.push(from(snapshot, wish(unit, { chosen })));
    expect(chosen.map(({ prefix }) => prefix)).toEqual([
      '44.31.0.0/29',
      '44.31.1.1/32',
      '44.31.0.8/29',
      '44.31.1.2/32',
      '44.31.2.0/28',
    ]);
  });

  test('what was told to the index and came to nothing is free again, in any order and however often', () => {
    const snapshot = snapshotOf(poolOf(pool));
    const index = freeIndexOf(snapshot);
    const first = from(snapshot, wish(32), index);
    const allocation = create(AllocationSchema, { poolId: first.slab.poolId, prefix: first.prefix, owner: ada });
    const told = [
      { kind: 'slab', id: first.slabId, after: { record: first.slab, revision: 0n } },
      { kind: 'allocation', id: first.allocationId, after: { record: allocation, revision: 0n } },
    ] as const;
    index.update([...told, ...told].toReversed());
    expect(from(snapshot, wish(32, only({ record: first.slab, revision: 0n })), index).prefix).toBe('44.31.0.2/32');
    index.update([
      { kind: 'allocation', id: first.allocationId },
      { kind: 'slab', id: first.slabId },
    ]);
    expect(from(snapshot, wish(29), index).prefix).toBe('44.31.0.0/29');
  });

  test('what was taken out of quarantine and came to nothing is there again', () => {
    const released = quarantinedOf(pool, '44.31.0.9/32', ada, 9);
    const snapshot = snapshotOf(poolOf(pool), slabOf(pool, '44.31.0.0/24', 32), released);
    const index = freeIndexOf(snapshot);
    const first = from(snapshot, wish(32), index);
    const allocation = create(AllocationSchema, { poolId: first.slab.poolId, prefix: first.prefix, owner: ada });
    index.update([{ kind: 'allocation', id: first.allocationId, after: { record: allocation, revision: 0n } }]);
    expect(from(snapshot, wish(32), index).prefix).toBe('44.31.0.1/32');
    const stored = snapshot.allocations.get(first.allocationId);
    if (stored === undefined) throw new TypeError('not there');
    index.update([{ kind: 'allocation', id: first.allocationId, after: stored }]);
    expect(from(snapshot, wish(32), index)).toEqual(first);
  });
});

describe('a pool', () => {
  test('gives what is in it now: slabs keep their places when it is resized', () => {
    const slabs = [slabOf(pool, '44.31.1.0/24', 32)];
    const as = (prefix: string, unit: number): string => given(wish(unit), poolOf(pool, { prefix }), ...slabs);
    expect(as(pool, 32)).toBe('44.31.1.1/32');
    expect(as(pool, 29)).toBe('44.31.0.0/29');
    expect(as('44.31.2.0/23', 32)).toBe('44.31.2.1/32');
    expect(as('44.31.0.0/24', 32)).toBe('44.31.0.1/32');
    expect(as('44.0.0.0/8', 32)).toBe('44.31.1.1/32');
    expect(as('44.0.0.0/8', 29)).toBe('44.0.0.0/29');
    const six = (prefix: string): string =>
      given(wish(64), poolOf('2001:db8:44::/48', { prefix }), slabOf('2001:db8:44::/48', '2001:db8:44::/56', 64));
    expect(six('2001:db8:44:100::/56')).toBe('2001:db8:44:100::/64');
    expect(six('2001:db8:40::/42')).toBe('2001:db8:44::/64');
  });

  test('with a home is the home of its slabs', () => {
    const snapshot = snapshotOf(poolOf(pool, { homePopId: 'p3' }), slabOf(pool, '44.31.0.0/24', 32));
    expect(from(snapshot, wish(32))).toMatchObject({ prefix: '44.31.1.1/32', slab: { homePopId: 'p3' } });
  });

  test('gives nothing out of what it delegated', () => {
    const delegated = [0, 1].map((n) => slabOf(pool, `44.31.${n}.0/24`, 24, { delegatedPoolId: 'x' }));
    expect(given(wish(32), ...delegated)).toBe('44.31.2.1/32');
    expect(given(wish(24), ...delegated)).toBe('44.31.2.0/24');
  });
});
