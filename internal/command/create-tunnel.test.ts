import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { nothingUnseen } from '#internal/allocator/allocator.ts';
import { CreateTunnelRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { fabricEvents, testKey, threePops } from '#internal/testkit/three-pops.ts';
import {
  altered,
  type Case,
  changed,
  createIn,
  key,
  keyId,
  named,
  pool4,
  pool6,
  with3,
} from '#internal/testkit/tunnel-requests.ts';
import { createTunnel } from './command.ts';

const noPools = changed(threePops(), ...[pool4, pool6].map((id) => ({ kind: 'pool', id }) as const));
const only4 = changed(threePops(), { kind: 'pool', id: pool6 });

const creations: readonly Case[] = [
  [
    'required',
    createIn(with3, { publicKey: '' }),
    'tunnel.public_key: is missing (44 characters of base64 for 32 bytes)',
  ],
  [
    'invalid',
    createIn(with3, { publicKey: 'abc' }),
    'tunnel.public_key: "abc" is not a WireGuard key (44 characters of base64 for 32 bytes)',
  ],
  [
    'invalid',
    createIn(with3, { publicKey: `${'A'.repeat(43)}=` }),
    `tunnel.public_key: "${'A'.repeat(43)}=" is a point of low order, with which no secret can be made (a key printed by wg pubkey)`,
  ],
  [
    'duplicate-key',
    createIn(with3, { publicKey: testKey(2) }),
    `tunnel.public_key: "${testKey(2)}" is the key of another tunnel (a key pair of its own for each tunnel)`,
  ],
  [
    'duplicate-key',
    createIn(with3, { publicKey: testKey(101) }),
    `tunnel.public_key: "${testKey(101)}" is the key of a PoP (a key pair of its own for each tunnel)`,
  ],
  [
    'invalid',
    createIn(with3, { name: 'Home' }),
    'tunnel.name: "Home" is not a name (1 to 63 characters of a-z, 0-9 and -, no - at either end)',
  ],
  [
    'invalid',
    createIn(with3, { name: 'x'.repeat(64) }),
    `tunnel.name: "${'x'.repeat(64)}" is not a name (1 to 63 characters of a-z, 0-9 and -, no - at either end)`,
  ],
  [
    'invalid',
    createIn(with3, { name: 'a/b' }),
    'tunnel.name: "a/b" is not a name (1 to 63 characters of a-z, 0-9 and -, no - at either end)',
  ],
  [
    'already-exists',
    createIn(with3, { name: 'tunnel-2', owner: 'admin/test' }),
    'tunnel.name: "tunnel-2" is the name of another tunnel of admin/test (another name)',
  ],
  [
    'invalid',
    createIn(with3, { owner: 'a b' }),
    'tunnel.owner: "a b" is not an owner (1 to 128 characters of A-Z, a-z, 0-9 and . _ @ + : / -)',
  ],
  ['invalid', createIn(with3, { mtu: 1279 }), 'tunnel.mtu: "1279" is out of range (1280 to 1420)'],
  ['invalid', createIn(with3, { mtu: 1421 }), 'tunnel.mtu: "1421" is out of range (1280 to 1420)'],
  ['invalid', createIn(with3, { keepaliveSeconds: 121 }), 'tunnel.keepalive_seconds: "121" is out of range (0 to 120)'],
  [
    'not-found',
    createIn(with3, { homePopId: 'p9' }),
    'tunnel.home_pop_id: "p9" is no PoP of this network (one that exists)',
  ],
  [
    'not-found',
    createIn(with3, { popIds: ['p1', 'p9'] }),
    'tunnel.pop_ids: "p9" is no PoP of this network (one that exists)',
  ],
  [
    'not-found',
    createIn(with3, {}, { localPopId: 'p8' }),
    'tunnel.home_pop_id: "p8" is no PoP of this network (one that exists)',
  ],
  [
    'invalid',
    createIn(altered('pop', 'p2', { acceptsTunnels: false }), { popIds: ['p2'] }),
    'tunnel.pop_ids: "p2" accepts no tunnels (a PoP that does)',
  ],
  [
    'invalid',
    createIn(altered('pop', 'p1', { acceptsTunnels: false })),
    'tunnel.home_pop_id: "p1" accepts no tunnels (a PoP that does)',
  ],
  [
    'no-pool',
    createIn(noPools),
    'tunnel.pools: there is no IPv4 pool in the realm internet (create one, or name the pools to allocate from)',
  ],
  [
    'no-pool',
    createIn(only4),
    'tunnel.pools: there is no IPv6 pool in the realm internet (create one, or name the pools to allocate from)',
  ],
  [
    'frozen',
    createIn(altered('pool', pool4, { frozen: true })),
    'tunnel.pools: "44.31.0.0/22" gives no new addresses: frozen (another pool)',
  ],
  [
    'frozen',
    createIn(altered('pool', pool4, { frozen: true }), { pools: [pool4] }),
    `tunnel.pools: "${pool4}" gives no new addresses: frozen (another pool)`,
  ],
  [
    'not-found',
    createIn(with3, { pools: ['44.60.0.0/22'] }),
    'tunnel.pools: "44.60.0.0/22" is no pool of this network (the id or prefix of one, as pool list shows them)',
  ],
  [
    'invalid',
    createIn(with3, { pools: ['44.31.0.0/22', pool4] }),
    `tunnel.pools: "${pool4}" is a second IPv4 pool (one pool of each family at most)`,
  ],
  [
    'overlap',
    createIn(altered('pool', pool4, { slabLength: 25 }), { pools: [pool4] }),
    `tunnel.pools: "${pool4}" overlaps an older pool of its realm (another pool)`,
  ],
  [
    'pool-exhausted',
    createIn(withExhausted()),
    'tunnel.pools: "44.31.0.0/22" has no free /32 left (release some, or create or grow a pool: each slab gives one length)',
  ],
  [
    'not-ready',
    createIn(changed(with3, { kind: 'network', id: 'network' })),
    'no network has been created yet (pop44 network create)',
  ],
];

/** Every slab of the IPv4 pool serves units of another size. */
function withExhausted(): Snapshot {
  return changed(
    threePops(),
    ...[0, 1, 2, 3].map((at): RecordEvent => {
      const [slab] = fabricEvents(2n).filter(({ kind }) => kind === 'slab');
      if (slab?.kind !== 'slab' || slab.stored === undefined) throw new TypeError('no slab');
      Object.assign(slab.stored.record, { prefix: `44.31.${at}.0/24`, unitLength: 29 });
      return { ...slab, id: `${pool4}/2c1f0${at}00` };
    }),
  );
}

describe('no tunnel', () => {
  test.each(named(creations))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });
});

describe('a new tunnel', () => {
  test('is four records where slabs exist, and compares what it read [T1] [A1]', () => {
    const outcome = createIn(with3, { name: 'home' });
    const id = '000000000001';
    const [address4, address6] = [`${pool4}/2c1f0004`, `${pool6}/20010db8004400000000000000000000`];
    expect(decisionOf(outcome)).toMatchObject({
      compares: [
        { kind: 'tunnel', id, revision: 0n },
        { kind: 'peerkey', id: keyId(900), revision: 0n },
        { kind: 'pop', id: 'p1', revision: 1n },
        { kind: 'pop', id: 'p2', revision: 1n },
        { kind: 'pop', id: 'p3', revision: 1n },
        { kind: 'network', id: 'network', revision: 1n },
        { kind: 'pool', id: pool4, revision: 1n },
        { kind: 'slab', id: `${pool4}/2c1f0000`, revision: 1n },
        { kind: 'allocation', id: address4, revision: 0n },
        { kind: 'pool', id: pool6, revision: 1n },
        { kind: 'slab', id: `${pool6}/20010db8004400000000000000000000`, revision: 1n },
        { kind: 'allocation', id: address6, revision: 0n },
      ],
      writes: [
        { op: 'put', kind: 'tunnel', id, record: { enabled: true, createdAt: { seconds: 1_760_000_000n } } },
        { op: 'put', kind: 'peerkey', id: keyId(900), record: { publicKey: key, tunnelId: id } },
        {
          op: 'put',
          kind: 'allocation',
          id: address4,
          record: { poolId: pool4, prefix: '44.31.0.4/32', tunnelId: id, owner: 'admin/ada' },
        },
        {
          op: 'put',
          kind: 'allocation',
          id: address6,
          record: { poolId: pool6, prefix: '2001:db8:44::/64', tunnelId: id },
        },
      ],
    });
    expect(outcome).toMatchObject({
      response: {
        tunnel: {
          id,
          name: 'home',
          owner: 'admin/ada',
          publicKey: key,
          enabled: true,
          popIds: ['p1', 'p2', 'p3'],
          prefixes: ['44.31.0.4/32', '2001:db8:44::/64'],
          realmIds: ['internet'],
          mtu: 1420,
          keepaliveSeconds: 25,
          etag: '',
        },
      },
    });
  });

  test('is named by its id when it is given no name', () => {
    expect(createIn(with3)).toMatchObject({ response: { tunnel: { id: '000000000001', name: '000000000001' } } });
  });

  test('may switch keepalive off, which is not the same as leaving it open', () => {
    expect(createIn(with3, { keepaliveSeconds: 0 })).toMatchObject({ response: { tunnel: { keepaliveSeconds: 0 } } });
  });

  const placements: readonly (readonly [
    home: string,
    pops: readonly string[],
    local: string,
    placed: readonly string[],
  ])[] = [
    ['', [], 'p1', ['p1', 'p2', 'p3']],
    ['', [], 'p3', ['p3', 'p1', 'p2']],
    ['p2', [], 'p1', ['p2', 'p1', 'p3']],
    ['', ['p3', 'p2'], 'p1', ['p3', 'p2']],
    ['p1', ['p3'], 'p2', ['p1', 'p3']],
    ['p3', ['p1', 'p3', 'p1'], 'p2', ['p3', 'p1']],
  ];
  test.each(placements)('home %j, PoPs %j, decided at %s: placed on %j', (homePopId, popIds, localPopId, placed) => {
    expect(createIn(with3, { homePopId, popIds: [...popIds] }, { localPopId })).toMatchObject({
      response: { tunnel: { popIds: placed } },
    });
  });

  test('is placed by default on the PoPs that accept tunnels only', () => {
    expect(createIn(altered('pop', 'p2', { acceptsTunnels: false }))).toMatchObject({
      response: { tunnel: { popIds: ['p1', 'p3'] } },
    });
  });

  test('cuts a slab where its home has none, in the same transaction', () => {
    const { compares, writes } = decisionOf(createIn(with3, { homePopId: 'p3' }));
    const id = `${pool4}/2c1f0200`;
    expect(compares).toContainEqual({ kind: 'slab', id, revision: 0n });
    expect(writes).toMatchObject([
      { kind: 'tunnel', record: { prefixes: [{ prefix: '44.31.2.1/32', homePopId: 'p3' }, { homePopId: 'p3' }] } },
      { kind: 'peerkey' },
      { kind: 'slab', id, record: { prefix: '44.31.2.0/24', unitLength: 32, homePopId: 'p3' } },
      { kind: 'allocation', id: `${pool4}/2c1f0201` },
      { kind: 'slab', record: { prefix: '2001:db8:44:100::/56', unitLength: 64, homePopId: 'p3' } },
      { kind: 'allocation' },
    ]);
  });

  test('takes from the pools that are named, one family alone if so wished', () => {
    expect(createIn(with3, { pools: ['2001:db8:44::/48'] })).toMatchObject({
      response: { tunnel: { prefixes: ['2001:db8:44::/64'] } },
    });
    expect(createIn(only4, { pools: ['44.31.0.0/22'] })).toMatchObject({
      response: { tunnel: { prefixes: ['44.31.0.1/32'] } },
    });
  });

  test('takes from the next pool when the oldest is exhausted, and says which are when all are', () => {
    const second = fabricEvents(2n).flatMap((event): RecordEvent[] => {
      if (event.kind !== 'pool' || event.id !== pool4 || event.stored === undefined) return [];
      Object.assign(event.stored.record, {
        id: '4-2c3c0000-30',
        prefix: '44.60.0.0/30',
        slabLength: 30,
        createdAt: { seconds: 9n },
      });
      return [{ ...event, id: '4-2c3c0000-30' }];
    });
    const ledger = createLedger(changed(withExhausted(), ...second));
    for (const n of [1, 2, 3]) {
      const context = commandContext(ledger.snapshot, {}, n);
      const request = create(CreateTunnelRequestSchema, { publicKey: testKey(800 + n) });
      ledger.commit(decisionOf(createTunnel(ledger.snapshot, request, context)));
    }
    expect([...ledger.snapshot.allocations.keys()].filter((id) => id.startsWith('4-')).toSorted()).toEqual([
      '4-2c3c0000-30/2c3c0001',
      '4-2c3c0000-30/2c3c0002',
      '4-2c3c0000-30/2c3c0003',
    ]);
    expect(createIn(ledger.snapshot, { name: 'late' })).toMatchObject({
      refused: 'pool-exhausted',
      message:
        'tunnel.pools: "44.31.0.0/22 44.60.0.0/30" have no free /32 left (release some, or create or grow a pool: each slab gives one length)',
    });
  });

  test('steps over what this daemon has under way, and spreads then', () => {
    const taken = new Set([`${pool4}/2c1f0004`, `${pool6}/20010db8004400000000000000000000`]);
    const unseen = { ...nothingUnseen, taken };
    const given = (random: number) => createIn(with3, {}, { unseen, random: () => random });
    expect(given(0)).toMatchObject({ response: { tunnel: { prefixes: ['44.31.0.5/32', '2001:db8:44:4::/64'] } } });
    expect(given(0.5)).toMatchObject({ response: { tunnel: { prefixes: ['44.31.0.20/32', '2001:db8:44:10::/64'] } } });
  });

  test('and another with the same key, decided at the same moment: one commits [A7]', () => {
    const ledger = createLedger(with3);
    const again = create(CreateTunnelRequestSchema, { publicKey: key, pools: [pool6] });
    const [one, other] = [
      decisionOf(createIn(with3, { pools: [pool4] })),
      decisionOf(createTunnel(with3, again, commandContext(with3, {}, 77))),
    ];
    expect(ledger.commit(one)).toBeDefined();
    expect(ledger.commit(other)).toBeUndefined();
  });

  test('and another that chose the same address: one commits [A7]', () => {
    const ledger = createLedger(with3);
    const request = create(CreateTunnelRequestSchema, { publicKey: testKey(901) });
    const [one, other] = [
      decisionOf(createIn(with3)),
      decisionOf(createTunnel(with3, request, commandContext(with3, {}, 77))),
    ];
    expect(ledger.commit(one)).toBeDefined();
    expect(ledger.commit(other)).toBeUndefined();
  });
});
