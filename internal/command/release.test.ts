import { create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import { AllocationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { allocateIn, releaseIn, withPools } from '#internal/testkit/allocation-requests.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import {
  type Case,
  changed,
  createIn,
  deleteIn,
  named,
  pool4,
  pool6,
  with3,
} from '#internal/testkit/tunnel-requests.ts';

/** 44.31.0.4/32 and 2001:db8:44::/64 are ada's, without a tunnel. */
const held = ((): Snapshot => {
  const ledger = createLedger(with3);
  ledger.commit(decisionOf(allocateIn(with3)));
  return ledger.snapshot;
})();
const own = ['44.31.0.4/32', '2001:db8:44::/64'];

/** A block of 44.31.3.0/24 that is a pool of its own. */
const delegation = changed(held, {
  kind: 'allocation',
  id: `${pool4}/2c1f0300`,
  stored: {
    record: create(AllocationSchema, { poolId: pool4, prefix: '44.31.3.0/26', delegatedPoolId: '4-2c1f0300-26' }),
    revision: 9n,
  },
});
/** The same address in a pool of another realm. */
const twice = changed(
  held,
  ...withPools(held, { id: '4-2c1f0000-23', realmId: 'hamnet', prefix: '44.31.0.0/23' }, pool4)
    .pools.toArray()
    .filter(([, { record }]) => record.realmId === 'hamnet')
    .map(([, stored]) => ({ kind: 'pool', id: '4-2c1f0000-23', stored }) as const),
  {
    kind: 'allocation',
    id: '4-2c1f0000-23/2c1f0004',
    stored: {
      record: create(AllocationSchema, { poolId: '4-2c1f0000-23', prefix: '44.31.0.4/32', owner: 'admin/ada' }),
      revision: 9n,
    },
  },
);
const released = ((): Snapshot => {
  const ledger = createLedger(held);
  ledger.commit(decisionOf(releaseIn(held, own)));
  return ledger.snapshot;
})();

const refusals: readonly Case[] = [
  ['required', releaseIn(held, []), 'prefixes: are missing (1 to 16 prefixes)'],
  [
    'invalid',
    releaseIn(
      held,
      Array.from({ length: 17 }, (_, n) => `44.31.1.${n}/32`),
    ),
    'prefixes: "17" prefixes are too many (1 to 16 prefixes)',
  ],
  [
    'invalid',
    releaseIn(held, ['44.31.0.4']),
    'prefixes[0]: "44.31.0.4" is not a prefix (like 44.31.0.0/22 or 2001:db8:44::/48)',
  ],
  [
    'host-bits',
    releaseIn(held, [...own, '44.31.0.4/31'].with(0, '44.31.0.5/31')),
    'prefixes[0]: "44.31.0.5/31" has host bits (the prefix is 44.31.0.4/31)',
  ],
  [
    'not-found',
    releaseIn(held, [...own, '44.31.0.5/32']),
    'prefixes[2]: "44.31.0.5/32" is not allocated (as allocation list shows them)',
  ],
  [
    'not-found',
    releaseIn(held, ['44.31.0.4/31']),
    'prefixes[0]: "44.31.0.4/31" is not allocated (as allocation list shows them)',
  ],
  [
    'not-found',
    releaseIn(held, own, { pool: '44.60.0.0/22' }),
    'pool: "44.60.0.0/22" is no pool of this network (the id or prefix of one, as pool list shows them)',
  ],
  [
    'not-found',
    releaseIn(held, own, { pool: pool6 }),
    'prefixes[0]: "44.31.0.4/32" is not allocated (as allocation list shows them)',
  ],
  [
    'not-found',
    releaseIn(released, own),
    'prefixes[0]: "44.31.0.4/32" is not allocated (as allocation list shows them)',
  ],
  [
    'not-owner',
    releaseIn(held, own, { owner: 'club' }),
    'prefixes[0]: "44.31.0.4/32" is not held by club (its owner releases it)',
  ],
  [
    'not-owner',
    releaseIn(held, ['44.31.0.1/32']),
    'prefixes[0]: "44.31.0.1/32" is not held by admin/ada (its owner releases it)',
  ],
  [
    'in-use',
    releaseIn(held, ['44.31.0.1/32'], { owner: 'admin/test' }),
    'prefixes[0]: "44.31.0.1/32" is used by a tunnel (delete the tunnel)',
  ],
  [
    'in-use',
    releaseIn(delegation, ['44.31.3.0/26']),
    'prefixes[0]: "44.31.3.0/26" is the pool 4-2c1f0300-26 (delete that pool)',
  ],
  ['invalid', releaseIn(twice, own), 'prefixes[0]: "44.31.0.4/32" is allocated in 2 pools (name the pool)'],
];

describe('nothing is released', () => {
  test.each(named(refusals))('$message', ({ reason, outcome, message }) => {
    expect(outcome).toMatchObject({ refused: reason, message });
  });

  test('when it was taken into use meanwhile', () => {
    const ledger = createLedger(held);
    const release = decisionOf(releaseIn(held, own));
    expect(ledger.commit(decisionOf(createIn(held, { wishes: [{ prefix: own[0] ?? '' }] })))).toBeDefined();
    expect(ledger.commit(release)).toBeUndefined();
  });
});

describe('released', () => {
  test('a prefix is by its etag, where one is given', () => {
    expect(releaseIn(held, own, { change: { etag: '2' } })).toMatchObject({ refused: 'stale-etag' });
    expect(releaseIn(held, own, { change: { etag: '3' } })).not.toHaveProperty('refused');
  });

  test('a prefix is kept for its owner as long as its pool says [A6]', () => {
    const ledger = createLedger(withPools(held, { quarantineSeconds: 60 }, pool4));
    ledger.commit(decisionOf(releaseIn(ledger.snapshot, own)));
    const at = 1_760_000_000n;
    expect(ledger.snapshot.allocations.get(`${pool4}/2c1f0004`)?.record).toMatchObject({
      owner: 'admin/ada',
      tunnelId: '',
      createdAt: { seconds: at },
      quarantinedUntil: { seconds: at + 60n },
    });
    expect(ledger.snapshot.allocations.get(`${pool6}/20010db8004400000000000000000000`)?.record).toMatchObject({
      quarantinedUntil: { seconds: at + 86_400n },
    });
  });

  test('a prefix is free at once where its pool has no quarantine', () => {
    const ledger = createLedger(withPools(held, { quarantineSeconds: 0 }, pool4, pool6));
    ledger.commit(decisionOf(releaseIn(ledger.snapshot, own)));
    expect(ledger.snapshot.allocations.size).toBe(with3.allocations.size);
  });

  test('a prefix named twice is released once, and of the pool that is named', () => {
    const { writes } = decisionOf(releaseIn(twice, ['44.31.0.4/32', '44.31.0.4/32'], { pool: '4-2c1f0000-23' }));
    expect(writes.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['allocation 4-2c1f0000-23/2c1f0004']);
  });

  test('a prefix is given to nobody else, and first of all to its owner again [A6]', () => {
    expect(allocateIn(released, { owner: 'club' })).toMatchObject({
      response: { allocations: [{ prefix: '44.31.0.5/32' }, { prefix: '2001:db8:44:4::/64' }] },
    });
    expect(allocateIn(released, { owner: 'club', wishes: [{ prefix: '44.31.0.4/32' }] })).toMatchObject({
      refused: 'taken',
    });
    const ledger = createLedger(released);
    const again = allocateIn(released);
    expect(again).toMatchObject({ response: { allocations: own.map((prefix) => ({ prefix })) } });
    expect(ledger.commit(decisionOf(again))).toBeDefined();
    expect(ledger.snapshot.allocations.get(`${pool4}/2c1f0004`)?.record.quarantinedUntil).toBeUndefined();
    expect(ledger.snapshot.allocations.size).toBe(held.allocations.size);
  });

  test('a prefix is not swept away and taken again at once [A1]', () => {
    const ledger = createLedger(released);
    const again = decisionOf(allocateIn(released));
    const id = `${pool4}/2c1f0004`;
    const revision = released.allocations.get(id)?.revision ?? 0n;
    ledger.commit({
      compares: [{ kind: 'allocation', id, revision }],
      writes: [{ op: 'delete', kind: 'allocation', id }],
    });
    expect(ledger.commit(again)).toBeUndefined();
  });
});

describe('a tunnel', () => {
  test('takes what its owner holds into use, frozen or not, and nobody else does', () => {
    const frozen = withPools(held, { frozen: true }, pool4);
    const wishes = [{ prefix: '44.31.0.4/32' }];
    const ledger = createLedger(frozen);
    expect(ledger.commit(decisionOf(createIn(frozen, { wishes })))).toBeDefined();
    expect(ledger.snapshot.allocations.get(`${pool4}/2c1f0004`)?.record.tunnelId).toBe('000000000001');
    expect(ledger.snapshot.allocations.size).toBe(held.allocations.size);
    expect(createIn(held, { wishes, owner: 'club' })).toMatchObject({
      refused: 'taken',
      field: 'tunnel.wishes[0].prefix',
    });
    expect(allocateIn(held, { wishes })).toMatchObject({ refused: 'taken', field: 'wishes[0].prefix' });
  });

  test('that is deleted and made again has its addresses again [A6]', () => {
    const ledger = createLedger(with3);
    ledger.commit(decisionOf(deleteIn(with3)));
    expect(createIn(ledger.snapshot, { owner: 'club' })).not.toMatchObject({
      response: { tunnel: { prefixes: [expect.stringContaining('44.31.0.1/'), expect.anything()] } },
    });
    expect(createIn(ledger.snapshot, { owner: 'admin/test', name: 'again' })).toMatchObject({
      response: { tunnel: { prefixes: ['44.31.0.1/32', '2001:db8:44:1::/64'] } },
    });
  });

  test('is given pools or wishes', () => {
    expect(createIn(with3, { pools: [pool4], wishes: [{ family: 4 }] })).toMatchObject({
      refused: 'invalid',
      message: 'tunnel.pools: are given beside wishes (pools or wishes)',
    });
  });
});
