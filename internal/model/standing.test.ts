import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  AllocationSchema,
  PeerKeySchema,
  PoolSchema,
  SlabSchema,
  TunnelSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import {
  emptySnapshot,
  fold,
  ownsKey,
  peerKeyId,
  poolId,
  type Snapshot,
  slabLengthOf,
  standingPools,
  standingPrefixes,
} from './model.ts';
import type { RecordEvent, RecordKind } from './record.ts';

const p = (text: string): Prefix => text as Prefix;

describe('what stands', () => {
  const tunnelOf = (snapshot: Snapshot, id = 't1') => {
    const stored = snapshot.tunnels.get(id);
    if (stored === undefined) throw new TypeError(id);
    return stored.record;
  };
  const withEvents = (events: readonly RecordEvent[]): Snapshot =>
    fold(threePops(1), { revision: 9n, relisted: false, events }).snapshot;
  const put = (kind: RecordKind, id: string, record: unknown): RecordEvent =>
    ({ kind, id, stored: { revision: 9n, record } }) as RecordEvent;
  const [v4, v6] = ['44.31.0.1/32', '2001:db8:44:1::/64'];
  const pool4 = '4-2c1f0000-22';
  const allocation4 = `${pool4}/2c1f0001`;
  const slab4 = `${pool4}/2c1f0000`;
  const given = { poolId: pool4, prefix: '44.31.0.1/32', tunnelId: 't1', owner: 'admin/test' };
  const slab = { poolId: pool4, prefix: '44.31.0.0/24', unitLength: 32, homePopId: 'p1' };
  const pool = { id: pool4, realmId: 'internet', prefix: '44.31.0.0/22', slabLength: 24, createdAt: { seconds: 1n } };

  test('a tunnel with its allocations holds its prefixes', () => {
    const snapshot = threePops(1);
    expect(standingPrefixes(snapshot, tunnelOf(snapshot)).map(({ prefix }) => prefix)).toEqual([v6, v4]);
  });

  const cases: readonly (readonly [name: string, event: RecordEvent, stands: readonly (string | undefined)[]])[] = [
    ['no allocation', { kind: 'allocation', id: allocation4 }, [v6]],
    [
      "another tunnel's allocation",
      put('allocation', allocation4, create(AllocationSchema, { ...given, tunnelId: 't2' })),
      [v6],
    ],
    [
      'an allocation of another prefix',
      put('allocation', allocation4, create(AllocationSchema, { ...given, prefix: '44.31.0.0/24' })),
      [v6],
    ],
    [
      "another pool's allocation",
      put('allocation', allocation4, create(AllocationSchema, { ...given, poolId: 'x' })),
      [v6],
    ],
    ['no slab', { kind: 'slab', id: slab4 }, [v6]],
    ['a slab of another unit', put('slab', slab4, create(SlabSchema, { ...slab, unitLength: 29 })), [v6]],
    ['a slab of another prefix', put('slab', slab4, create(SlabSchema, { ...slab, prefix: '44.31.1.0/24' })), [v6]],
    ["another pool's slab", put('slab', slab4, create(SlabSchema, { ...slab, poolId: 'x' })), [v6]],
    ['no pool', { kind: 'pool', id: pool4 }, [v6]],
    ['a pool of another realm', put('pool', pool4, create(PoolSchema, { ...pool, realmId: 'hamnet' })), [v6]],
    ['a delegated slab', put('slab', slab4, create(SlabSchema, { ...slab, delegatedPoolId: 'x' })), [v6]],
    [
      'an allocation that is held',
      put('allocation', allocation4, create(AllocationSchema, { ...given, tunnelId: '' })),
      [v6],
    ],
    [
      'an allocation in quarantine',
      put('allocation', allocation4, create(AllocationSchema, { ...given, quarantinedUntil: {} })),
      [v6],
    ],
    [
      'an allocation that is a delegation',
      put('allocation', allocation4, create(AllocationSchema, { ...given, delegatedPoolId: 'x' })),
      [v6],
    ],
    ['a pool that grew', put('pool', pool4, create(PoolSchema, { ...pool, prefix: '44.0.0.0/9' })), [v6, v4]],
    ['a pool that shrank', put('pool', pool4, create(PoolSchema, { ...pool, prefix: '44.31.0.0/24' })), [v6, v4]],
    ['a pool that shrank too far', put('pool', pool4, create(PoolSchema, { ...pool, prefix: '44.31.2.0/23' })), [v6]],
    ['a pool that grew too far', put('pool', pool4, create(PoolSchema, { ...pool, prefix: '44.0.0.0/7' })), [v6]],
    ['a pool smaller than a slab', put('pool', pool4, create(PoolSchema, { ...pool, prefix: '44.31.0.0/25' })), [v6]],
    ['a pool with host bits', put('pool', pool4, create(PoolSchema, { ...pool, prefix: '44.31.0.1/22' })), [v6]],
    ['a delegation without a parent', put('pool', pool4, create(PoolSchema, { ...pool, parentPoolId: 'x' })), [v6]],
    ['a delegation out of itself', put('pool', pool4, create(PoolSchema, { ...pool, parentPoolId: pool4 })), [v6]],
    ['a pool cut otherwise', put('pool', pool4, create(PoolSchema, { ...pool, slabLength: 25 })), [v6]],
    [
      'an older pool around its own',
      put(
        'pool',
        '4-2c1f0000-16',
        create(PoolSchema, {
          id: '4-2c1f0000-16',
          realmId: 'internet',
          prefix: '44.31.0.0/16',
          slabLength: 24,
          createdAt: {},
        }),
      ),
      [v6],
    ],
    [
      'a younger pool around its own',
      put(
        'pool',
        '4-2c1f0000-16',
        create(PoolSchema, { id: '4-2c1f0000-16', realmId: 'internet', prefix: '44.31.0.0/16', slabLength: 24 }),
      ),
      [v6, v4],
    ],
    [
      'a pool around its own in another realm',
      put(
        'pool',
        '4-2c1f0000-16',
        create(PoolSchema, {
          id: '4-2c1f0000-16',
          realmId: 'hamnet',
          prefix: '44.31.0.0/16',
          slabLength: 24,
          createdAt: {},
        }),
      ),
      [v6, v4],
    ],
  ];
  test.each(cases)('%s', (_name, event, stands) => {
    const snapshot = withEvents([event]);
    expect(standingPrefixes(snapshot, tunnelOf(snapshot)).map(({ prefix }) => prefix)).toEqual(stands);
  });

  test('the home is the one that the slab has now', () => {
    const snapshot = withEvents([put('slab', slab4, create(SlabSchema, { ...slab, homePopId: 'p3' }))]);
    expect(standingPrefixes(snapshot, tunnelOf(snapshot)).map(({ homePopId }) => homePopId)).toEqual(['p1', 'p3']);
  });

  test('a prefix that is spelled otherwise, or twice, is held once at most', () => {
    const record = create(TunnelSchema, { ...tunnelOf(threePops(1)) });
    const [four] = record.prefixes;
    if (four === undefined) throw new TypeError('no prefix');
    record.prefixes = [four, { ...four }, { ...four, prefix: '44.31.0.01/32' }, { ...four, prefix: 'rubbish' }];
    const snapshot = withEvents([put('tunnel', 't1', record)]);
    expect(standingPrefixes(snapshot, record).map(({ prefix }) => prefix)).toEqual([v4]);
  });

  test("a record under another's key holds nothing, and claims no key", () => {
    const copy = create(TunnelSchema, { ...tunnelOf(threePops(1)) });
    const snapshot = withEvents([put('tunnel', 't9', copy)]);
    expect(standingPrefixes(snapshot, copy)).toEqual([]);
    expect(ownsKey(snapshot, copy)).toBe(false);
    expect(ownsKey(snapshot, tunnelOf(snapshot))).toBe(true);
  });

  test('of two tunnels with one key the one holds it that the claim names', () => {
    const thief = create(TunnelSchema, { ...tunnelOf(threePops(1)), id: 't9' });
    const snapshot = withEvents([put('tunnel', 't9', thief)]);
    expect([ownsKey(snapshot, tunnelOf(snapshot)), ownsKey(snapshot, thief)]).toEqual([true, false]);
    const claim = create(PeerKeySchema, { publicKey: testKey(1), tunnelId: 't9' });
    const stolen = withEvents([put('tunnel', 't9', thief), put('peerkey', peerKeyId(testKey(1) as never), claim)]);
    expect([ownsKey(stolen, tunnelOf(stolen)), ownsKey(stolen, thief)]).toEqual([false, true]);
    const broken = create(TunnelSchema, { ...thief, publicKey: 'no key' });
    expect(ownsKey(withEvents([put('tunnel', 't9', broken)]), broken)).toBe(false);
  });

  test('pools are listed from the oldest, without those that an older one overlaps', () => {
    const made = (prefix: string, seconds: bigint | undefined): RecordEvent => {
      const id = poolId(p(prefix));
      const slabLength = slabLengthOf(p(prefix));
      return put(
        'pool',
        id,
        create(PoolSchema, {
          id,
          prefix,
          realmId: 'internet',
          slabLength,
          ...(seconds !== undefined && { createdAt: { seconds } }),
        }),
      );
    };
    const events = [
      made('44.32.0.0/24', 7n),
      made('44.32.0.0/16', 5n),
      made('44.32.1.0/24', undefined),
      made('44.30.0.0/24', 6n),
    ];
    for (const order of [events, events.toReversed()]) {
      const { snapshot } = fold(emptySnapshot(), { revision: 9n, relisted: true, events: order });
      expect([...standingPools(snapshot).values()]).toEqual(['44.32.0.0/16', '44.30.0.0/24']);
    }
  });
});
