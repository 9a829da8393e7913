import { clone, create } from '@bufbuild/protobuf';
import { describe, expect, test } from 'vitest';
import {
  AllocationSchema,
  PeerKeySchema,
  PoolSchema,
  QuotaSchema,
  ReservationSchema,
  SlabSchema,
  TunnelSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocateRequestSchema, ReleaseRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import {
  CreateReservationRequestSchema,
  DelegatePoolRequestSchema,
  SetQuotaRequestSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { fold, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent, RecordKind, Write } from '#internal/model/record.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { scanOf } from '#internal/testkit/pool-requests.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { keyId, pool4, pool6 } from '#internal/testkit/tunnel-requests.ts';
import { allocate, createReservation, delegatePool, openQuota, release } from './command.ts';

const now = new Date(1_760_000_000_000);

/** Three tunnels, a prefix that ada holds and one that she released, two delegations, a reservation and a quota. */
function cleanNetwork(): Snapshot {
  const ledger = createLedger(threePops(3));
  const commit = (decide: (snapshot: Snapshot, context: ReturnType<typeof commandContext>) => unknown): void => {
    ledger.commit(decisionOf(decide(ledger.snapshot, commandContext(ledger.snapshot))));
  };
  const wishes = [{ prefix: '44.31.1.7/32' }, { prefix: '44.31.1.8/32' }];
  const popId = 'p2';
  commit((s, c) => allocate(s, create(AllocateRequestSchema, { owner: 'ada', wishes }), c));
  commit((s, c) => release(s, create(ReleaseRequestSchema, { owner: 'ada', prefixes: ['44.31.1.8/32'] }), c));
  commit((s, c) =>
    delegatePool(s, create(DelegatePoolRequestSchema, { pool: pool4, prefix: '44.31.2.0/28', popId }), c),
  );
  commit((s, c) =>
    delegatePool(s, create(DelegatePoolRequestSchema, { pool: pool4, prefix: '44.31.3.0/24', popId }), c),
  );
  commit((s, c) =>
    createReservation(s, create(CreateReservationRequestSchema, { pool: pool4, prefix: '44.31.1.64/26' }), c),
  );
  commit((s, c) => openQuota(s, create(SetQuotaRequestSchema, { owner: 'ada' }), c));
  return ledger.snapshot;
}
const clean = cleanNetwork();

const at4 = (hex: string): string => `${pool4}/${hex}`;
const put = (write: Omit<Extract<Write, { op: 'put' }>, 'op'>): RecordEvent =>
  ({ kind: write.kind, id: write.id, stored: { record: write.record, revision: 500n } }) as RecordEvent;
const gone = (kind: RecordEvent['kind'], id: string): RecordEvent => ({ kind, id });
const damaged = (...events: readonly RecordEvent[]): Snapshot =>
  fold(clean, { revision: 500n, relisted: false, events }).snapshot;
const allocation = (hex: string, prefix: string, rest: object): RecordEvent =>
  put({ kind: 'allocation', id: at4(hex), record: create(AllocationSchema, { poolId: pool4, prefix, ...rest }) });
const tunnel = (id: string, change: (record: ReturnType<typeof copyOf>) => void): RecordEvent => {
  const record = copyOf(id);
  change(record);
  return put({ kind: 'tunnel', id, record });
};
const copyOf = (id: string) => clone(TunnelSchema, clean.tunnels.get(id)?.record ?? create(TunnelSchema));
const reservation = (id: string, poolId: string, prefix: string): RecordEvent =>
  put({ kind: 'reservation', id, record: create(ReservationSchema, { poolId, prefix }) });
const slab = (id: string, poolId: string, prefix: string, rest: object = {}): RecordEvent =>
  put({ kind: 'slab', id, record: create(SlabSchema, { poolId, prefix, unitLength: 32, homePopId: 'p1', ...rest }) });
const pool = (id: string, prefix: string, rest: object): RecordEvent =>
  put({ kind: 'pool', id, record: create(PoolSchema, { id, prefix, realmId: 'internet', slabLength: 24, ...rest }) });

test('a clean network has no findings', () => {
  const { findings, records } = scanOf(clean, undefined, now);
  expect(findings).toEqual([]);
  expect(records).toBe(4 + 5 + 1 + 9 + 3 + 3 + 1);
  expect(scanOf(clean, pool4, now)).toEqual({ findings: [], records: 1 + 4 + 6 + 1 + 3 });
});

const lost = '4-2c320000-24';
const hex6 = '20010db8004400010000000000000000';
/** What was done by hand; each finding as kind, record and, of a mend, what it does. */
const cases: readonly (readonly [
  name: string,
  snapshot: Snapshot,
  findings: readonly (readonly [kind: string, record: string, mend: string | undefined])[],
])[] = [
  [
    'an address and a key of a tunnel that is gone',
    damaged(gone('tunnel', 't1')),
    [
      ['leak', `allocation/${at4('2c1f0001')}`, `put allocation/${at4('2c1f0001')}`],
      ['leak', `allocation/${pool6}/${hex6}`, `put allocation/${pool6}/${hex6}`],
      ['leak', `peerkey/${keyId(1)}`, `delete peerkey/${keyId(1)}`],
    ],
  ],
  [
    'an address that its tunnel does not have',
    damaged(tunnel('t1', (record) => record.prefixes.shift())),
    [['leak', `allocation/${at4('2c1f0001')}`, `put allocation/${at4('2c1f0001')}`]],
  ],
  [
    'an address that nobody holds',
    damaged(allocation('2c1f0009', '44.31.0.9/32', {})),
    [['leak', `allocation/${at4('2c1f0009')}`, `put allocation/${at4('2c1f0009')}`]],
  ],
  [
    'a tunnel whose address is not allocated',
    damaged(gone('allocation', at4('2c1f0001'))),
    [['orphan', 'tunnel/t1', undefined]],
  ],
  [
    "a tunnel whose address is another's",
    damaged(allocation('2c1f0001', '44.31.0.1/32', { tunnelId: 't2', owner: 'admin/test' })),
    [
      ['leak', `allocation/${at4('2c1f0001')}`, `put allocation/${at4('2c1f0001')}`],
      ['duplicate', 'tunnel/t1', undefined],
    ],
  ],
  [
    'an address that is two things at once',
    damaged(allocation('2c1f0009', '44.31.0.9/32', { tunnelId: 't1', quarantinedUntil: { seconds: 1n } })),
    [['duplicate', `allocation/${at4('2c1f0009')}`, undefined]],
  ],
  [
    'a block over addresses in use',
    damaged(allocation('2c1f0000', '44.31.0.0/29', { owner: 'ada' })),
    [
      ['overlap', `allocation/${at4('2c1f0000')}`, undefined],
      ['quota', 'quota/ada', 'put quota/ada'],
    ],
  ],
  [
    'an address in a delegated slab',
    damaged(allocation('2c1f0305', '44.31.3.5/32', { owner: 'bob' })),
    [['overlap', `allocation/${at4('2c1f0305')}`, undefined]],
  ],
  [
    'a slab that is gone from under its addresses',
    damaged(gone('slab', at4('2c1f0100'))),
    [
      ['orphan', `allocation/${at4('2c1f0107')}`, undefined],
      ['orphan', `allocation/${at4('2c1f0108')}`, `delete allocation/${at4('2c1f0108')}`],
    ],
  ],
  [
    'what is left of a pool that is gone',
    damaged(slab(`${lost}/2c320000`, lost, '44.50.0.0/24'), reservation(`${lost}/2c320000-28`, lost, '44.50.0.0/28')),
    [
      ['orphan', `reservation/${lost}/2c320000-28`, `delete reservation/${lost}/2c320000-28`],
      ['orphan', `slab/${lost}/2c320000`, `delete slab/${lost}/2c320000`],
    ],
  ],
  [
    'a slab outside of its pool with something in it',
    damaged(slab(at4('2c1f0400'), pool4, '44.31.4.0/24'), allocation('2c1f0401', '44.31.4.1/32', { owner: 'bob' })),
    [
      ['orphan', `allocation/${at4('2c1f0401')}`, undefined],
      ['orphan', `slab/${at4('2c1f0400')}`, undefined],
    ],
  ],
  [
    'two reservations of one place',
    damaged(reservation(`${at4('2c1f0150')}-28`, pool4, '44.31.1.80/28')),
    [['overlap', `reservation/${at4('2c1f0150')}-28`, undefined]],
  ],
  [
    'delegations whose pools are gone',
    damaged(gone('pool', '4-2c1f0200-28'), gone('pool', '4-2c1f0300-24')),
    [
      ['leak', `allocation/${at4('2c1f0200')}`, `delete allocation/${at4('2c1f0200')}`],
      ['leak', `slab/${at4('2c1f0300')}`, `delete slab/${at4('2c1f0300')}`],
    ],
  ],
  [
    'a delegation that its parent does not back',
    damaged(gone('allocation', at4('2c1f0200'))),
    [['orphan', 'pool/4-2c1f0200-28', undefined]],
  ],
  [
    'a delegation whose parent is gone',
    damaged(pool('4-2c3c0000-24', '44.60.0.0/24', { parentPoolId: lost })),
    [['orphan', 'pool/4-2c3c0000-24', undefined]],
  ],
  [
    'a pool over another',
    damaged(pool('4-2c1f0000-24', '44.31.0.0/24', { createdAt: { seconds: 99n } })),
    [['overlap', 'pool/4-2c1f0000-24', undefined]],
  ],
  [
    'a key that is claimed for another tunnel',
    damaged(
      put({ kind: 'peerkey', id: keyId(1), record: create(PeerKeySchema, { publicKey: testKey(1), tunnelId: 't2' }) }),
    ),
    [
      ['leak', `peerkey/${keyId(1)}`, `delete peerkey/${keyId(1)}`],
      ['duplicate', 'tunnel/t1', undefined],
    ],
  ],
  ['a key that nobody claims', damaged(gone('peerkey', keyId(1))), [['orphan', 'tunnel/t1', undefined]]],
  [
    'a count that is wrong',
    damaged(put({ kind: 'quota', id: 'ada', record: create(QuotaSchema, { owner: 'ada', used4: 7n, used6: 1n }) })),
    [['quota', 'quota/ada', 'put quota/ada']],
  ],
];

describe('damage by hand is found, and mended only where one mend is safe [A6]', () => {
  test.each(cases.map(([name, snapshot, findings]) => ({ name, snapshot, findings })))('$name', (row) => {
    const { findings } = scanOf(row.snapshot, undefined, now);
    const seen = findings.map(({ kind, record, mend }) => [
      kind,
      record,
      mend?.writes.map(({ op, kind: of, id }) => `${op} ${of}/${id}`).join(),
    ]);
    expect(seen).toEqual(row.findings);
  });

  test.each(cases.map(([name, snapshot]) => ({ name, snapshot })))(
    'its mends touch nothing else: $name',
    ({ snapshot }) => {
      const { findings } = scanOf(snapshot, undefined, now);
      const ledger = createLedger(snapshot);
      const left: string[] = [];
      for (const { record, mend } of findings) {
        if (mend === undefined) left.push(record);
        else expect(ledger.commit(mend)?.map(({ kind, id }) => `${kind}/${id}`)).toEqual([record]);
      }
      const after = scanOf(ledger.snapshot, undefined, now).findings;
      expect(after.filter(({ record }) => !left.includes(record))).toEqual([]);
      // Tunnels and what they work by are as they were.
      expect(ledger.snapshot.tunnels).toBe(snapshot.tunnels);
    },
  );

  test.each(cases.map(([name, snapshot]) => ({ name, snapshot })))(
    'a mend gives way to a change: $name',
    ({ snapshot }) => {
      for (const { record, mend } of scanOf(snapshot, undefined, now).findings) {
        if (mend === undefined) continue;
        const [kind = '', ...id] = record.split('/');
        const ledger = createLedger(snapshot);
        ledger.commit({ compares: [], writes: [{ op: 'delete', kind: kind as RecordKind, id: id.join('/') }] });
        expect(ledger.commit(mend)).toBeUndefined();
      }
    },
  );
});

test('a leak is released into the quarantine of its pool, for its last owner', () => {
  const { findings } = scanOf(damaged(gone('tunnel', 't1')), pool4, now);
  expect(findings).toMatchObject([
    {
      problem: 'is of tunnel t1, which does not exist',
      mend: {
        compares: [
          { kind: 'allocation', id: at4('2c1f0001') },
          { kind: 'network' },
          { kind: 'tunnel', id: 't1', revision: 0n },
        ],
        writes: [{ record: { owner: 'admin/test', tunnelId: '', quarantinedUntil: { seconds: 1_760_086_400n } } }],
      },
    },
  ]);
});
