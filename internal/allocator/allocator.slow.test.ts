import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import { AllocationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fold, poolId, type RecordChange, type Snapshot, slabLengthOf } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { nthSubprefix, overlaps, type Prefix } from '#internal/netip/netip.ts';
import {
  allocationOf,
  poolOf,
  quarantinedOf,
  reservationOf,
  slabOf,
  snapshotOf,
} from '#internal/testkit/pool-records.ts';
import {
  choose,
  createFreeIndex,
  type FreeIndex,
  freeIndexOf,
  nothingUnseen,
  poolSpace,
  type Wish,
} from './allocator.ts';

const p = (text: string): Prefix => text as Prefix;
const wish = (pool: string, unitLength: number, homePopId = 'p1', rest: Partial<Wish> = {}): Wish => ({
  poolId: poolId(p(pool)),
  unitLength,
  homePopId,
  owner: 'admin/ada',
  unseen: nothingUnseen,
  ...rest,
});

/** Every prefix that would be given, one after another. */
function run(snapshot: Snapshot, index: FreeIndex, first: Wish, most = 1000): readonly string[] {
  const taken = new Set<string>();
  const given: string[] = [];
  while (given.length < most) {
    const choice = choose(snapshot, index, { ...first, unseen: { ...nothingUnseen, taken } });
    if (isRefusal(choice)) break;
    taken.add(choice.allocationId);
    given.push(choice.prefix);
  }
  return given;
}

/** Every prefix that is given until nothing is left, each in a snapshot that shows the ones before. */
function fill(from: Snapshot, wanted: Wish): readonly string[] {
  let snapshot = from;
  const index = freeIndexOf(from);
  const given: string[] = [];
  for (;;) {
    const choice = choose(snapshot, index, wanted);
    if (isRefusal(choice)) return given;
    given.push(choice.prefix);
    const allocation = create(AllocationSchema, { poolId: wanted.poolId, prefix: choice.prefix });
    const revision = snapshot.revision + 1n;
    const events: readonly RecordEvent[] = [
      { kind: 'slab', id: choice.slabId, stored: { revision, record: choice.slab } },
      { kind: 'allocation', id: choice.allocationId, stored: { revision, record: allocation } },
    ];
    const folded = fold(snapshot, { revision, relisted: false, events });
    snapshot = folded.snapshot;
    index.update(folded.changes);
  }
}

describe('choose', () => {
  test('cuts a slab for a home that has none, and says so', () => {
    const snapshot = snapshotOf(
      poolOf('44.31.0.0/22'),
      slabOf('44.31.0.0/22', '44.31.0.0/24', 32, { homePopId: 'p2' }),
    );
    expect(choose(snapshot, freeIndexOf(snapshot), wish('44.31.0.0/22', 32))).toMatchObject({
      prefix: '44.31.1.1/32',
      allocationId: '4-2c1f0000-22/2c1f0101',
      slabId: '4-2c1f0000-22/2c1f0100',
      slab: { poolId: '4-2c1f0000-22', prefix: '44.31.1.0/24', unitLength: 32, homePopId: 'p1' },
      slabRevision: 0n,
    });
  });

  test('takes the lowest free unit of the slab that is there', () => {
    const snapshot = snapshotOf(
      poolOf('44.31.0.0/22'),
      slabOf('44.31.0.0/22', '44.31.2.0/24', 32),
      allocationOf('44.31.0.0/22', '44.31.2.1/32'),
      allocationOf('44.31.0.0/22', '44.31.2.3/32'),
    );
    const choice = choose(snapshot, freeIndexOf(snapshot), wish('44.31.0.0/22', 32));
    expect(choice).toMatchObject({ prefix: '44.31.2.2/32', slabRevision: 1n });
  });

  test('gives every address of a slab but the first and the last, which break some clients', () => {
    const snapshot = snapshotOf(poolOf('44.31.0.0/24'));
    const expected = Array.from({ length: 254 }, (_, at) => `44.31.0.${at + 1}/32`);
    expect(run(snapshot, freeIndexOf(snapshot), wish('44.31.0.0/24', 32))).toEqual(expected);
  });

  const small: readonly (readonly [pool: string, unit: number, given: readonly string[]])[] = [
    ['44.31.0.0/30', 32, ['44.31.0.1/32', '44.31.0.2/32', '44.31.0.3/32']],
    ['44.31.0.252/30', 32, ['44.31.0.252/32', '44.31.0.253/32', '44.31.0.254/32']],
    ['44.31.0.4/30', 32, ['44.31.0.4/32', '44.31.0.5/32', '44.31.0.6/32', '44.31.0.7/32']],
    ['44.31.0.0/28', 29, ['44.31.0.0/29', '44.31.0.8/29']],
    [
      '2001:db8:44:8::/62',
      64,
      ['2001:db8:44:8::/64', '2001:db8:44:9::/64', '2001:db8:44:a::/64', '2001:db8:44:b::/64'],
    ],
    ['2001:db8:44:8::/64', 64, ['2001:db8:44:8::/64']],
    ['2001:db8:44:8::/64', 63, []],
    ['44.31.0.0/28', 24, []],
  ];
  test.each(small)('all that %s has in units of /%s', (pool, unit, given) => {
    const snapshot = snapshotOf(poolOf(pool));
    expect(run(snapshot, freeIndexOf(snapshot), wish(pool, unit))).toEqual(given);
  });

  test('units of another size, and other homes, get slabs of their own', () => {
    const snapshot = snapshotOf(poolOf('44.31.0.0/22'), slabOf('44.31.0.0/22', '44.31.0.0/24', 32));
    const index = freeIndexOf(snapshot);
    expect(choose(snapshot, index, wish('44.31.0.0/22', 29))).toMatchObject({ prefix: '44.31.1.0/29' });
    expect(choose(snapshot, index, wish('44.31.0.0/22', 32, 'p2'))).toMatchObject({ prefix: '44.31.1.1/32' });
  });

  test("when nothing can be cut any more, another home's slab serves, before nobody is served", () => {
    const snapshot = snapshotOf(poolOf('44.31.0.0/24'), slabOf('44.31.0.0/24', '44.31.0.0/24', 32));
    expect(choose(snapshot, freeIndexOf(snapshot), wish('44.31.0.0/24', 32, 'p2'))).toMatchObject({
      prefix: '44.31.0.1/32',
      slab: { homePopId: 'p1' },
    });
  });

  test('an exhausted pool is named, with its unit and a cure', () => {
    const snapshot = snapshotOf(poolOf('44.31.0.0/24'), slabOf('44.31.0.0/24', '44.31.0.0/24', 29));
    expect(choose(snapshot, freeIndexOf(snapshot), wish('44.31.0.0/24', 32))).toMatchObject({
      refused: 'pool-exhausted',
      message:
        'tunnel.pools: "44.31.0.0/24" has no free /32 left (release some, or create or grow a pool: each slab gives one length)',
    });
  });

  test('a pool that does not stand gives nothing', () => {
    const snapshot = snapshotOf();
    const index = freeIndexOf(snapshot);
    expect(choose(snapshot, index, wish('44.31.0.0/24', 32))).toMatchObject({ refused: 'not-found' });
    expect(choose(snapshot, index, { ...wish('44.31.0.0/24', 32), poolId: 'x' })).toMatchObject({
      refused: 'not-found',
    });
  });

  test('begins further up when it is told to, and comes back when nothing is there', () => {
    const snapshot = snapshotOf(
      poolOf('44.31.0.0/24'),
      slabOf('44.31.0.0/24', '44.31.0.0/24', 32),
      allocationOf('44.31.0.0/24', '44.31.0.1/32'),
    );
    const index = freeIndexOf(snapshot);
    expect(choose(snapshot, index, wish('44.31.0.0/24', 32, 'p1', { skip: 5 }))).toMatchObject({
      prefix: '44.31.0.7/32',
    });
    expect(choose(snapshot, index, wish('44.31.0.0/24', 32, 'p1', { skip: 500 }))).toMatchObject({
      prefix: '44.31.0.2/32',
    });
  });

  test('an index that is behind the snapshot, or ahead of it, misleads nobody', () => {
    const pool = poolOf('44.31.0.0/22');
    const full = snapshotOf(
      pool,
      slabOf('44.31.0.0/22', '44.31.0.0/24', 32),
      allocationOf('44.31.0.0/22', '44.31.0.1/32'),
    );
    const empty = snapshotOf(pool);
    expect(choose(full, freeIndexOf(empty), wish('44.31.0.0/22', 32))).toMatchObject({ prefix: '44.31.0.2/32' });
    expect(choose(empty, freeIndexOf(full), wish('44.31.0.0/22', 32))).toMatchObject({ prefix: '44.31.1.1/32' });
    const slab = snapshotOf(pool, slabOf('44.31.0.0/22', '44.31.0.0/24', 32));
    expect(choose(full, freeIndexOf(slab), wish('44.31.0.0/22', 32))).toMatchObject({ prefix: '44.31.0.2/32' });
  });

  test('keys that a hand wrote are stepped over: a transaction on them would fail for ever', () => {
    const pool = '44.31.0.0/24';
    const snapshot = snapshotOf(
      poolOf(pool),
      slabOf(pool, '44.31.0.0/24', 29),
      allocationOf(pool, '44.31.0.0/32'),
      allocationOf(pool, '44.31.0.9/32'),
    );
    // The first has the key of a unit; the second has none, and an allocation beside it does not stand either way.
    expect(run(snapshot, freeIndexOf(snapshot), wish(pool, 29), 2)).toEqual(['44.31.0.8/29', '44.31.0.16/29']);
  });
});

// Two pools, every size of unit, keys in and out of place: whatever a history can contain.
const pools = ['44.31.0.0/22', '44.40.0.0/29', '2001:db8:44::/47'] as const;
const event = fc
  .record({
    pool: fc.constantFrom(...pools),
    slab: fc.nat(3),
    unit: fc.nat(40),
    length: fc.constantFrom(29, 31, 32),
    home: fc.constantFrom('p1', 'p2'),
    what: fc.constantFrom(
      'slab',
      'allocation',
      'allocation',
      'allocation',
      'liar',
      'delegated',
      'released',
      'reserved',
    ),
    gone: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  })
  .map(({ pool, slab, unit, length, home, what, gone }): RecordEvent => {
    const slabLength = slabLengthOf(p(pool));
    const more = pool.includes(':') ? 64 - 32 : 0;
    const count = 2 ** (slabLength - Number(pool.split('/')[1]));
    const at = nthSubprefix(p(pool), slabLength, BigInt(slab % count));
    const room = 2 ** Math.min(10, length + more - slabLength);
    const prefix = nthSubprefix(at, length + more, BigInt(unit % room));
    const made = {
      allocation: () => allocationOf(pool, prefix),
      released: () => quarantinedOf(pool, prefix, 'admin/ada', unit % 3),
      reserved: () => reservationOf(pool, unit % 3 === 0 ? at : prefix),
      delegated: () => slabOf(pool, at, slabLength, { homePopId: home, delegatedPoolId: 'x' }),
      slab: () => slabOf(pool, at, length + more, { homePopId: home }),
      liar: () => slabOf(pool, at, length + more, { homePopId: home }),
    }[what]();
    if (what === 'liar' && made.kind === 'slab' && made.stored) made.stored.record.poolId = 'elsewhere';
    return gone ? { kind: made.kind, id: made.id } : made;
  });

describe('free index', () => {
  const offered = (snapshot: Snapshot, index: FreeIndex): readonly (readonly string[])[] =>
    pools.flatMap((pool) =>
      (pool.includes(':') ? [61, 63, 64] : [29, 31, 32]).flatMap((unit) =>
        ['p1', 'p2'].map((home) => run(snapshot, index, wish(pool, unit, home), 10)),
      ),
    );

  test('kept up by changes it offers what a rebuilt one does, in whatever order the changes come', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(event, { minLength: 1, maxLength: 6 }), { maxLength: 12 }),
        fc.boolean(),
        (batches, backwards) => {
          let snapshot = snapshotOf(...pools.map((pool) => poolOf(pool)));
          const index = createFreeIndex();
          for (const events of batches) {
            const folded = fold(snapshot, { revision: snapshot.revision + 1n, relisted: false, events });
            snapshot = folded.snapshot;
            index.update(backwards ? folded.changes.toReversed() : folded.changes);
          }
          const rebuilt = freeIndexOf(snapshot);
          expect(offered(snapshot, index)).toEqual(offered(snapshot, rebuilt));
          const spaces = (of: FreeIndex) => pools.map((pool) => poolSpace(snapshot, of, poolId(p(pool))));
          expect(spaces(index)).toEqual(spaces(rebuilt));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('offers nothing that is taken, and everything else: as a second, naive search does', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const { snapshot } = fold(snapshotOf(...pools.map((pool) => poolOf(pool))), {
          revision: 2n,
          relisted: false,
          events,
        });
        const [pool, home] = ['44.31.0.0/22', 'p1'] as const;
        const id = poolId(p(pool));
        const [own, fresh, foreign]: [string[], string[], string[]] = [[], [], []];
        type Released = { readonly prefix: string; readonly until: bigint; readonly host: number };
        const latestFirst = (some: Released[]): readonly string[] =>
          some
            .sort((one, other) => Number(other.until - one.until) || other.host - one.host)
            .map(({ prefix }) => prefix);
        const released: Released[] = [];
        const reserved = [...snapshot.reservations.values()].map(({ record }) => record.prefix as Prefix);
        for (let slab = 0; slab < 4; slab += 1) {
          const record = snapshot.slabs.get(`${id}/2c1f0${slab}00`)?.record;
          if (record !== undefined && (record.poolId !== id || record.unitLength !== 32)) continue;
          const free: string[] = [];
          const back: Released[] = record === undefined ? [] : released;
          for (let host = 1; host < 255; host += 1) {
            const prefix = p(`44.31.${slab}.${host}/32`);
            if (reserved.some((around) => overlaps(around, prefix))) continue;
            const stored = snapshot.allocations.get(`${id}/2c1f0${slab}${host.toString(16).padStart(2, '0')}`)?.record;
            const until = stored?.prefix === prefix ? stored.quarantinedUntil?.seconds : undefined;
            if (stored === undefined) free.push(prefix);
            else if (until !== undefined) back.push({ prefix, until, host: slab * 256 + host });
          }
          // What a hand put into quarantine where no slab is comes back as soon as one is cut there.
          if (record === undefined)
            fresh.push(...free.slice(0, 1), ...(free.length > 0 ? latestFirst(back) : []), ...free.slice(1));
          else (record.homePopId === home ? own : foreign).push(...free);
        }
        expect(fill(snapshot, wish(pool, 32, home))).toEqual([...latestFirst(released), ...own, ...fresh, ...foreign]);
      }),
      { numRuns: 30 },
    );
  });

  test('changes of keys that spell nothing are none', () => {
    const index = createFreeIndex();
    const record = create(AllocationSchema);
    const keys = [
      '',
      'x',
      'x/y',
      '4-2c1f0000-22',
      '4-2c1f0000-22/zz',
      '4-2c1f0000-22/2c1f0001/2',
      '4-2c1f0000-22/2c2f0001',
    ];
    index.update(keys.map((id): RecordChange => ({ kind: 'allocation', id, after: { revision: 1n, record } })));
    const wrongWidth = '4-2c1f0000-22/20010db8004400000000000000000000';
    index.update([{ kind: 'allocation', id: wrongWidth, after: { revision: 1n, record } }]);
    const snapshot = snapshotOf(poolOf('44.31.0.0/22'));
    expect(run(snapshot, index, wish('44.31.0.0/22', 32), 1)).toEqual(['44.31.0.1/32']);
  });
});
