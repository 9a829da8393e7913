import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { Map } from 'immutable';
import { expect, test } from 'vitest';
import { AllocationSchema, PoolSchema, SlabSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Prefix, supernet } from '#internal/netip/netip.ts';
import {
  allocationId,
  emptySnapshot,
  fold,
  poolId,
  type Snapshot,
  slabId,
  slabLengthOf,
  standingPools,
  standingPrefixes,
} from './model.ts';
import type { RecordEvent, RecordKind } from './record.ts';

// Records that are each right in themselves and contradict each other wherever they can: nested pools, some delegated
// out of each other and some resized, slabs of every unit, the same address to several tunnels, to a delegation and in
// quarantine. Which of them exist, and what is changed in them, is left to chance.
const pools = ['44.31.0.0/22', '44.31.0.0/23', '44.31.0.0/24', '44.31.0.0/28'] as Prefix[];
const units = [
  '44.31.0.0/28',
  '44.31.0.8/29',
  '44.31.0.8/32',
  '44.31.0.9/32',
  '44.31.1.0/29',
  '44.31.1.1/32',
] as Prefix[];
const tunnels = ['t1', 't2', 't3'];

const chance = fc.record({
  pool: fc.constantFrom(...pools),
  other: fc.constantFrom(...pools),
  unit: fc.constantFrom(...units),
  otherUnit: fc.constantFrom(...units),
  realmId: fc.constantFrom('internet', 'internet', 'internet', 'hamnet'),
  seconds: fc.constantFrom(undefined, 1n, 2n),
  tunnel: fc.constantFrom(...tunnels),
  otherTunnel: fc.constantFrom(...tunnels),
  /** One in eight: the record does not say what its key says. */
  lies: fc.nat(7).map((n) => n === 0),
  delegated: fc.nat(2).map((n) => n === 0),
  quarantined: fc.nat(7).map((n) => n === 0),
  kind: fc.constantFrom('pool', 'slab', 'slab', 'allocation', 'allocation', 'allocation', 'tunnel'),
});

// A fold takes a record of the same revision for the same record.
let revision = 0n;
const nextRevision = (): bigint => (revision += 1n);
const put = (kind: RecordKind, id: string, record: unknown): RecordEvent =>
  ({ kind, id, stored: { revision: nextRevision(), record } }) as RecordEvent;

function eventOf(c: typeof chance extends fc.Arbitrary<infer T> ? T : never): RecordEvent {
  const id = poolId(c.pool);
  const slab = supernet(c.unit, Math.min(slabLengthOf(c.pool), Number(c.unit.split('/')[1])));
  const unit = c.lies ? c.otherUnit : c.unit;
  switch (c.kind) {
    case 'pool': {
      const prefix = c.lies ? c.other : c.pool;
      const createdAt = c.seconds === undefined ? {} : { createdAt: { seconds: c.seconds } };
      const slabLength = slabLengthOf(c.pool);
      const parentPoolId = c.delegated ? poolId(c.other) : '';
      const record = { id, prefix, realmId: c.realmId, slabLength, parentPoolId, ...createdAt };
      return put('pool', id, create(PoolSchema, record));
    }
    case 'slab': {
      const unitLength = Number(unit.split('/')[1]);
      const delegatedPoolId = c.delegated ? poolId(c.other) : '';
      return put(
        'slab',
        slabId(id, slab),
        create(SlabSchema, { poolId: id, prefix: slab, unitLength, homePopId: 'p1', delegatedPoolId }),
      );
    }
    case 'allocation': {
      const holder = c.delegated ? { delegatedPoolId: poolId(c.other) } : { tunnelId: c.tunnel };
      const record = { poolId: id, prefix: unit, ...holder, ...(c.quarantined && { quarantinedUntil: {} }) };
      return put('allocation', allocationId(id, c.unit), create(AllocationSchema, record));
    }
    default:
      return tunnelOf(c.tunnel, c.lies ? c.otherTunnel : c.tunnel);
  }
}

/** Claims everything. */
function tunnelOf(key: string, id: string): RecordEvent {
  const everything = ['internet', 'hamnet'].flatMap((realmId) =>
    pools.flatMap((pool) => units.map((prefix) => ({ poolId: poolId(pool), prefix, realmId, homePopId: 'p1' }))),
  );
  return put('tunnel', key, create(TunnelSchema, { id, prefixes: everything }));
}

// Where poison falls into: a pool with a slab delegated out of it, and a unit of that delegation delegated again.
function soundRecords(): readonly RecordEvent[] {
  const [root, , child, grandchild] = pools.map(poolId) as [string, string, string, string];
  const pool = (prefix: Prefix, parentPoolId: string): RecordEvent => {
    const [id, slabLength, createdAt] = [poolId(prefix), slabLengthOf(prefix), { seconds: 1n }];
    return put(
      'pool',
      id,
      create(PoolSchema, { id, prefix, realmId: 'internet', slabLength, parentPoolId, createdAt }),
    );
  };
  const slab = (id: string, prefix: string, unitLength: number, delegatedPoolId = ''): RecordEvent => {
    const record = { poolId: id, prefix, unitLength, homePopId: 'p1', delegatedPoolId };
    return put('slab', slabId(id, prefix as Prefix), create(SlabSchema, record));
  };
  const allocation = (id: string, prefix: string, holder: object): RecordEvent =>
    put('allocation', allocationId(id, prefix as Prefix), create(AllocationSchema, { poolId: id, prefix, ...holder }));
  return [
    pool(pools[0] as Prefix, ''),
    slab(root, '44.31.0.0/24', 24, child),
    slab(root, '44.31.1.0/24', 32),
    allocation(root, '44.31.1.1/32', { tunnelId: 't1' }),
    pool(pools[2] as Prefix, root),
    slab(child, '44.31.0.0/24', 28),
    allocation(child, '44.31.0.0/28', { delegatedPoolId: grandchild }),
    pool(pools[3] as Prefix, child),
    slab(grandchild, '44.31.0.0/28', 29),
    allocation(grandchild, '44.31.0.8/29', { tunnelId: 't2' }),
    ...tunnels.map((id) => tunnelOf(id, id)),
  ];
}

function range(prefix: string): readonly [bigint, bigint] {
  const [address = '', length] = prefix.split('/');
  const first = address.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  return [first, first + 2n ** BigInt(32 - Number(length)) - 1n];
}

const heldIn = (snapshot: Snapshot) =>
  [...snapshot.tunnels.values()].flatMap(({ record }) => standingPrefixes(snapshot, record));

test('what is sound holds, in a pool and in delegations of it', () => {
  const { snapshot } = fold(emptySnapshot(), { revision: 9n, relisted: true, events: soundRecords() });
  expect(heldIn(snapshot).map(({ prefix }) => prefix)).toEqual(['44.31.1.1/32', '44.31.0.8/29']);
});

test('poison: whatever is written by hand, no two tunnels of a realm hold overlapping prefixes [A7]', () => {
  let [held, delegated] = [0, 0];
  const sound = fold(emptySnapshot(), { revision: 9n, relisted: true, events: soundRecords() }).snapshot;
  fc.assert(
    fc.property(
      fc.constantFrom(true, true, true, false),
      fc.array(fc.array(chance, { minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 6 }),
      (fromSound, batches) => {
        let snapshot = fromSound ? sound : emptySnapshot();
        for (const [at, chances] of batches.entries()) {
          const batch = { revision: 10n + BigInt(at), relisted: false, events: chances.map(eventOf) };
          snapshot = fold(snapshot, batch).snapshot;
          const standing = heldIn(snapshot);
          held += standing.length;
          for (const { poolId: from } of standing) {
            if (snapshot.pools.get(from)?.record.parentPoolId !== '') delegated += 1;
          }
          for (const [place, a] of standing.entries()) {
            for (const b of standing.slice(place + 1)) {
              const [[a1, a2], [b1, b2]] = [range(a.prefix), range(b.prefix)];
              expect(a.realmId === b.realmId && a1 <= b2 && b1 <= a2).toBe(false);
            }
          }
          // What is remembered of earlier records misleads nobody.
          expect(standingPools({ ...snapshot, pools: Map([...snapshot.pools]) })).toEqual(standingPools(snapshot));
        }
      },
    ),
    { numRuns: 200 },
  );
  // The law says something only where something stands.
  expect(held).toBeGreaterThan(100);
  expect(delegated).toBeGreaterThan(20);
});
