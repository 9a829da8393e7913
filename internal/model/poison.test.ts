import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AllocationSchema, PoolSchema, SlabSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Prefix, supernet } from '#internal/netip/netip.ts';
import { allocationId, emptySnapshot, fold, poolId, slabId, slabLengthOf, standingPrefixes } from './model.ts';
import type { RecordEvent, RecordKind } from './record.ts';

// Records that are each right in themselves and contradict each other wherever they can: nested pools, slabs of every
// unit, the same address to several tunnels. Which of them exist, and what is changed in them, is left to chance.
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
  kind: fc.constantFrom('pool', 'slab', 'slab', 'allocation', 'allocation', 'allocation', 'tunnel'),
});

const put = (kind: RecordKind, id: string, record: unknown): RecordEvent =>
  ({ kind, id, stored: { revision: 9n, record } }) as RecordEvent;

function eventOf(c: typeof chance extends fc.Arbitrary<infer T> ? T : never): RecordEvent {
  const id = poolId(c.pool);
  const slab = supernet(c.unit, Math.min(slabLengthOf(c.pool), Number(c.unit.split('/')[1])));
  const unit = c.lies ? c.otherUnit : c.unit;
  switch (c.kind) {
    case 'pool': {
      const prefix = c.lies ? c.other : c.pool;
      const createdAt = c.seconds === undefined ? {} : { createdAt: { seconds: c.seconds } };
      const slabLength = slabLengthOf(prefix);
      return put(
        'pool',
        id,
        create(PoolSchema, { id: poolId(prefix), prefix, realmId: c.realmId, slabLength, ...createdAt }),
      );
    }
    case 'slab': {
      const unitLength = Number(unit.split('/')[1]);
      return put(
        'slab',
        slabId(id, slab),
        create(SlabSchema, { poolId: id, prefix: slab, unitLength, homePopId: 'p1' }),
      );
    }
    case 'allocation':
      return put(
        'allocation',
        allocationId(id, c.unit),
        create(AllocationSchema, { poolId: id, prefix: unit, tunnelId: c.tunnel }),
      );
    default: {
      const everything = ['internet', 'hamnet'].flatMap((realmId) =>
        pools.flatMap((pool) => units.map((prefix) => ({ poolId: poolId(pool), prefix, realmId, homePopId: 'p1' }))),
      );
      const own = c.lies ? c.otherTunnel : c.tunnel;
      return put('tunnel', c.tunnel, create(TunnelSchema, { id: own, prefixes: everything }));
    }
  }
}

function range(prefix: string): readonly [bigint, bigint] {
  const [address = '', length] = prefix.split('/');
  const first = address.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
  return [first, first + 2n ** BigInt(32 - Number(length)) - 1n];
}

test('poison: whatever is written by hand, no two tunnels of a realm hold overlapping prefixes [A7]', () => {
  let held = 0;
  fc.assert(
    fc.property(fc.array(chance, { minLength: 80, maxLength: 200 }), (chances) => {
      const { snapshot } = fold(emptySnapshot(), { revision: 9n, relisted: true, events: chances.map(eventOf) });
      const standing = [...snapshot.tunnels.values()].flatMap(({ record }) =>
        standingPrefixes(snapshot, record).map(({ prefix, realmId }) => ({ realmId, prefix })),
      );
      held += standing.length;
      for (const [at, a] of standing.entries()) {
        for (const b of standing.slice(at + 1)) {
          const [[a1, a2], [b1, b2]] = [range(a.prefix), range(b.prefix)];
          expect(a.realmId === b.realmId && a1 <= b2 && b1 <= a2).toBe(false);
        }
      }
    }),
    { numRuns: 150 },
  );
  // The law says something only where something stands.
  expect(held).toBeGreaterThan(100);
});
