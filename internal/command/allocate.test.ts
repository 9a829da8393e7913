import { describe, expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { allocateIn, withPools, withReservation } from '#internal/testkit/allocation-requests.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { deletionOf, tunnelEvents } from '#internal/testkit/three-pops.ts';
import { altered, type Case, changed, named, pool4, pool6, with3 } from '#internal/testkit/tunnel-requests.ts';

const wish = (rest: object, snapshot: Snapshot = with3) => allocateIn(snapshot, { wishes: [rest] });
const reserved = withReservation(with3, pool4, '44.31.0.16/28', 'club');

const refusals: readonly Case[] = [
  [
    'invalid',
    allocateIn(with3, { owner: 'a b' }),
    'owner: "a b" is not an owner (1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + : / -)',
  ],
  [
    'not-found',
    allocateIn(with3, { homePopId: 'p9' }),
    'home_pop_id: "p9" is no PoP of this network (one that exists)',
  ],
  ['required', wish({}), 'wishes[0].family: is missing (4 or 6, a pool, or a prefix)'],
  ['invalid', wish({ family: 5 }), 'wishes[0].family: "5" is no family (4 or 6)'],
  ['invalid', wish({ family: 4, length: 33 }), 'wishes[0].length: "33" is out of range (24 to 32)'],
  ['invalid', wish({ family: 4, length: 23 }), 'wishes[0].length: "23" is out of range (24 to 32)'],
  ['invalid', wish({ family: 6, length: 55 }), 'wishes[0].length: "55" is out of range (56 to 128)'],
  ['invalid', wish({ family: 4, count: 17 }), 'wishes: "17" prefixes are too many (at most 16 a request)'],
  [
    'invalid',
    allocateIn(with3, {
      wishes: [
        { family: 4, count: 9 },
        { family: 6, count: 8 },
      ],
    }),
    'wishes: "17" prefixes are too many (at most 16 a request)',
  ],
  [
    'invalid',
    wish({ family: 4, count: 4_294_967_295 }),
    'wishes: "4294967295" prefixes are too many (at most 16 a request)',
  ],
  [
    'not-found',
    wish({ pool: '44.60.0.0/22' }),
    'wishes[0].pool: "44.60.0.0/22" is no pool of this network (the id or prefix of one, as pool list shows them)',
  ],
  [
    'family-mismatch',
    wish({ pool: pool4, family: 6 }),
    'wishes[0].family: "6" is not the family of the pool: IPv4 (4, or another pool)',
  ],
  [
    'family-mismatch',
    wish({ prefix: '44.31.0.9/32', family: 6 }),
    'wishes[0].family: "6" is not the family of the prefix: IPv4 (4, or another prefix)',
  ],
  [
    'family-mismatch',
    wish({ prefix: '44.31.0.9/32', pool: pool6 }),
    'wishes[0].prefix: "44.31.0.9/32" is not the family of the pool: IPv6 (6, or another pool)',
  ],
  [
    'invalid',
    wish({ prefix: '44.31.0.9' }),
    'wishes[0].prefix: "44.31.0.9" is not a prefix (like 44.31.0.0/22 or 2001:db8:44::/48)',
  ],
  [
    'misaligned',
    wish({ prefix: '44.31.2.9/29' }),
    'wishes[0].prefix: "44.31.2.9/29" has host bits (the prefix is 44.31.2.8/29)',
  ],
  [
    'invalid',
    wish({ prefix: '44.31.2.8/29', length: 30 }),
    'wishes[0].length: "30" is not the prefix\'s (the prefix alone)',
  ],
  ['invalid', wish({ prefix: '44.31.2.8/29', count: 2 }), 'wishes[0].count: "2" of one prefix are too many (1)'],
  [
    'outside-pool',
    wish({ prefix: '44.60.0.9/32' }),
    'wishes[0].prefix: "44.60.0.9/32" lies in no pool of the realm internet (a pool that holds it)',
  ],
];

describe('nothing is allocated', () => {
  test.each(named(refusals))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });

  // What the allocator says of a chosen prefix, through the field of its wish.
  const chosen: readonly (readonly [reason: string, title: string, outcome: unknown])[] = [
    ['outside-pool', 'outside the pool that is named', wish({ prefix: '44.60.0.9/32', pool: pool4 })],
    ['misaligned', 'larger than a slab', wish({ prefix: '44.31.2.0/23' })],
    ['overlap', 'a block where addresses are given', wish({ prefix: '44.31.0.8/29' })],
    ['taken', "another's address", wish({ prefix: '44.31.0.1/32' })],
    ['reserved', 'an address that is given to nobody', wish({ prefix: '44.31.0.255/32' })],
    ['reserved', 'in a reservation of another', wish({ prefix: '44.31.0.17/32' }, reserved)],
  ];
  test.each(chosen)('%s: %s', (reason, _, outcome) => {
    expect(outcome).toMatchObject({ refused: reason, field: 'wishes[0].prefix' });
  });

  test('by a prefix that only begins with the same address as what is held', () => {
    const ledger = createLedger(with3);
    ledger.commit(decisionOf(wish({ prefix: '44.31.2.0/24' })));
    expect(wish({ prefix: '44.31.2.0/23' }, ledger.snapshot)).toMatchObject({ refused: 'misaligned' });
    expect(wish({ prefix: '44.31.2.0/29' }, ledger.snapshot)).toMatchObject({ refused: 'overlap' });
    expect(wish({ prefix: '44.31.2.0/24' }, ledger.snapshot)).toMatchObject({ refused: 'taken' });
  });

  test('of a wish after one that took the last: all or nothing', () => {
    const outcome = allocateIn(with3, { wishes: [{ prefix: '44.31.0.9/32' }, { prefix: '44.31.0.9/32' }] });
    expect(outcome).toMatchObject({ refused: 'taken', field: 'wishes[1].prefix' });
  });

  test('out of a frozen pool, nor by its prefix', () => {
    const snapshot = altered('pool', pool4, { frozen: true });
    expect(wish({ pool: pool4 }, snapshot)).toMatchObject({ refused: 'frozen', field: 'wishes[0].pool' });
    expect(wish({ family: 4 }, snapshot)).toMatchObject({ refused: 'frozen', field: 'wishes[0].pool' });
    expect(wish({ prefix: '44.31.0.9/32' }, snapshot)).toMatchObject({
      refused: 'frozen',
      message: expect.stringContaining('"44.31.0.9/32" lies in 44.31.0.0/22, which is frozen') as unknown,
    });
  });

  test('where pools that hands made drain into each other', () => {
    const round = withPools(with3, { drainToPoolId: pool4 }, pool4);
    expect(wish({ pool: pool4 }, round)).toMatchObject({ refused: 'frozen' });
    const other = withPools(with3, { drainToPoolId: pool6 }, pool4);
    expect(wish({ pool: pool4 }, other)).toMatchObject({ refused: 'frozen' });
  });
});

const prefixesOf = (outcome: unknown): readonly string[] => {
  if (isRefusal(outcome)) throw new Error(outcome.message);
  const { response } = outcome as {
    readonly response: { readonly allocations: readonly { readonly prefix: string }[] };
  };
  return response.allocations.map(({ prefix }) => prefix);
};

describe('allocated', () => {
  const fresh = changed(with3, ...deletionOf(tunnelEvents(1, 2n)));
  const wishes: readonly (readonly [title: string, wishes: readonly object[], prefixes: readonly string[]])[] = [
    ['one prefix of each family, when nothing is said', [], ['44.31.0.1/32', '2001:db8:44::/64']],
    ['IPv4 alone', [{ family: 4 }], ['44.31.0.1/32']],
    ['IPv6 alone', [{ family: 6 }], ['2001:db8:44::/64']],
    ['several addresses', [{ family: 4, count: 3 }], ['44.31.0.1/32', '44.31.0.4/32', '44.31.0.5/32']],
    ['a block, in a slab of its own', [{ family: 4, length: 29 }], ['44.31.2.0/29']],
    ['blocks of a size side by side', [{ family: 4, length: 28, count: 2 }], ['44.31.2.0/28', '44.31.2.16/28']],
    ['a whole slab', [{ pool: pool4, length: 24 }], ['44.31.2.0/24']],
    ['an IPv6 block', [{ family: 6, length: 56 }], ['2001:db8:44:100::/56']],
    ['one IPv6 address', [{ pool: '2001:db8:44::/48', length: 128 }], ['2001:db8:44:100::/128']],
    ['a chosen address', [{ prefix: '44.31.0.77/32' }], ['44.31.0.77/32']],
    ['a chosen block', [{ prefix: '44.31.3.64/29' }], ['44.31.3.64/29']],
    [
      'all sorts together',
      [{ family: 6, length: 60 }, { prefix: '44.31.3.8/29' }, { pool: pool4, length: 29 }, { family: 4 }],
      ['2001:db8:44:100::/60', '44.31.3.8/29', '44.31.2.0/29', '44.31.0.1/32'],
    ],
  ];
  test.each(wishes)('%s', (_, some, prefixes) => {
    const outcome = allocateIn(fresh, { wishes: [...some] });
    expect(prefixesOf(outcome)).toEqual(prefixes);
    const ledger = createLedger(fresh);
    expect(ledger.commit(decisionOf(outcome))).toBeDefined();
    expect(ledger.snapshot.allocations.size).toBe(fresh.allocations.size + prefixes.length);
  });

  test('is held by its owner without a tunnel, and says whence it is announced', () => {
    const outcome = allocateIn(with3, { owner: 'club', homePopId: 'p2', wishes: [{ family: 4 }] });
    expect(outcome).toMatchObject({
      response: {
        allocations: [
          {
            prefix: '44.31.1.1/32',
            poolId: pool4,
            realmId: 'internet',
            owner: 'club',
            tunnelId: '',
            homePopId: 'p2',
            etag: '',
          },
        ],
      },
    });
    const { compares, writes } = decisionOf(outcome);
    expect(compares).toEqual([
      { kind: 'pop', id: 'p2', revision: 1n },
      { kind: 'network', id: 'network', revision: 1n },
      { kind: 'pool', id: pool4, revision: 1n },
      { kind: 'slab', id: `${pool4}/2c1f0100`, revision: 1n },
      { kind: 'allocation', id: `${pool4}/2c1f0101`, revision: 0n },
    ]);
    expect(writes).toMatchObject([{ op: 'put', kind: 'allocation', record: { owner: 'club', tunnelId: '' } }]);
  });

  test('a prefix reserved for its owner, by its name', () => {
    const outcome = allocateIn(reserved, { owner: 'club', wishes: [{ prefix: '44.31.0.17/32' }] });
    expect(prefixesOf(outcome)).toEqual(['44.31.0.17/32']);
  });

  test('sixteen prefixes of as many slabs fit a transaction', () => {
    const outcome = allocateIn(with3, { wishes: [{ pool: pool6, length: 56, count: 16 }] });
    expect(createLedger(with3).commit(decisionOf(outcome))).toHaveLength(32);
  });

  test('does not commit when the pool was frozen, or its slab cut otherwise, meanwhile [A1]', () => {
    const allocation = decisionOf(allocateIn(with3, { wishes: [{ prefix: '44.31.3.9/32' }] }));
    expect(createLedger(withPools(with3, { frozen: true }, pool4)).commit(allocation)).toBeUndefined();
    const ledger = createLedger(with3);
    expect(ledger.commit(decisionOf(allocateIn(with3, { wishes: [{ prefix: '44.31.3.8/29' }] })))).toBeDefined();
    expect(ledger.commit(allocation)).toBeUndefined();
  });

  test('from the pool that one is being emptied into, in its place', () => {
    const record = {
      id: '4-2c3c0000-24',
      prefix: '44.60.0.0/24',
      createdAt: { $typeName: 'google.protobuf.Timestamp', seconds: 9n, nanos: 0 },
    } as const;
    const both = changed(
      withPools(with3, { frozen: true, drainToPoolId: record.id }, pool4),
      ...withPools(with3, record, pool4)
        .pools.toArray()
        .map(([, stored]) => ({ kind: 'pool', id: stored.record.id, stored }) as const)
        .filter(({ id }) => id === record.id),
    );
    for (const some of [{ family: 4 }, { pool: pool4 }, { pool: '44.31.0.0/22' }]) {
      expect(prefixesOf(wish(some, both))).toEqual(['44.60.0.1/32']);
    }
    expect(wish({ prefix: '44.31.0.9/32' }, both)).toMatchObject({ refused: 'frozen', field: 'wishes[0].prefix' });
  });
});
