import { create } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { AllocateRequestSchema, ReleaseRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import {
  CreatePoolRequestSchema,
  CreateReservationRequestSchema,
  DelegatePoolRequestSchema,
  DeletePoolRequestSchema,
  DeleteReservationRequestSchema,
  DrainPoolRequestSchema,
  ResizePoolRequestSchema,
  SetQuotaRequestSchema,
  UpdatePoolRequestSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { CreateTunnelRequestSchema, DeleteTunnelRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { type Snapshot, standingPools, standingPrefixes } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { overlaps, type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger } from '#internal/testkit/ledger.ts';
import { scanOf } from '#internal/testkit/pool-requests.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import {
  allocate,
  createPool,
  createReservation,
  createTunnel,
  delegatePool,
  deletePool,
  deleteReservation,
  deleteTunnel,
  drainPool,
  openQuota,
  release,
  resizePool,
  setQuota,
  sweepPool,
  updatePool,
} from './command.ts';

// Small pools that lie close, so that commands meet: one of two slabs' size that grows, one beside it, and IPv6.
const roots = ['44.60.0.0/23', '44.60.4.0/24', '2a00:44:0:10::/60'];
const sizes = [
  '44.60.0.0/21',
  '44.60.0.0/22',
  '44.60.0.0/24',
  '44.60.1.0/24',
  '44.60.0.0/23',
  '2a00:44::/59',
  '2a00:44:0:10::/61',
];
const blocks = [
  '44.60.0.0/24',
  '44.60.1.0/26',
  '44.60.1.0/28',
  '44.60.0.64/30',
  '2a00:44:0:8::/64',
  '2a00:44:0:a::/63',
];
const step = fc.record({
  what: fc.constantFrom(
    'allocate',
    'allocate',
    'allocate',
    'release',
    'tunnel',
    'untunnel',
    'pool',
    'unpool',
    'resize',
    'resize',
    'delegate',
    'delegate',
    'reserve',
    'reserve',
    'unreserve',
    'unreserve',
    'drain',
    'freeze',
    'quota',
    'sweep',
  ),
  /** How many commits the deciding daemon's snapshot is behind. */
  behind: fc.constantFrom(0, 0, 0, 1, 1, 2, 5),
  pool: fc.nat(),
  other: fc.nat(),
  block: fc.constantFrom(...blocks),
  size: fc.constantFrom(...sizes),
  root: fc.constantFrom(...roots),
  length: fc.constantFrom(32, 30, 29, 64, 62),
  owner: fc.constantFrom('ada', 'bob'),
  flag: fc.boolean(),
  which: fc.nat(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const nth = (ids: Iterable<string>, which: number): string => {
  const sorted = [...ids].sort();
  return sorted[which % Math.max(1, sorted.length)] ?? 'none';
};

function decide(snapshot: Snapshot, s: Step, at: number): Refusal | { readonly decision: Decision } | undefined {
  // Each step is a minute later, and a quarantine two minutes long.
  const now = new Date(1_760_000_000_000 + at * 60_000);
  const context = commandContext(snapshot, { now }, at + 1);
  const pool = nth(snapshot.pools.keys(), s.pool);
  const toPool = nth(snapshot.pools.keys(), s.other);
  const tunnel = nth(snapshot.tunnels.keys(), s.which);
  const held = [...snapshot.allocations.values()].filter(({ record }) => record.owner === s.owner);
  const prefix = nth(
    held.map(({ record }) => record.prefix),
    s.which,
  );
  const reservation = snapshot.reservations.get(nth(snapshot.reservations.keys(), s.which))?.record;
  const wishes = [s.flag ? { pool, length: s.length, count: 1 + (s.which % 3) } : { pool, prefix: s.block }];
  const { owner } = s;
  switch (s.what) {
    case 'allocate':
      return allocate(snapshot, create(AllocateRequestSchema, { owner, wishes, homePopId: 'p1' }), context);
    case 'release':
      return release(snapshot, create(ReleaseRequestSchema, { owner, prefixes: [prefix] }), context);
    case 'tunnel': {
      const publicKey = testKey(700 + (s.which % 5));
      return createTunnel(snapshot, create(CreateTunnelRequestSchema, { owner, publicKey, wishes }), context);
    }
    case 'untunnel':
      return deleteTunnel(snapshot, create(DeleteTunnelRequestSchema, { tunnel }), context);
    case 'pool': {
      const request = create(CreatePoolRequestSchema, { prefix: s.root, quarantineSeconds: s.flag ? 120 : 0 });
      return createPool(snapshot, request, context);
    }
    case 'unpool':
      return deletePool(snapshot, create(DeletePoolRequestSchema, { pool }), context);
    case 'resize':
      return resizePool(snapshot, create(ResizePoolRequestSchema, { pool, prefix: s.size }), context);
    case 'delegate': {
      const block = s.flag ? { prefix: s.block } : { length: s.which % 2 === 0 ? 26 : 64 };
      return delegatePool(snapshot, create(DelegatePoolRequestSchema, { pool, popId: 'p2', ...block }), context);
    }
    case 'reserve': {
      const request = create(CreateReservationRequestSchema, { pool, prefix: s.block, owner: s.flag ? owner : '' });
      return createReservation(snapshot, request, context);
    }
    case 'unreserve':
      return deleteReservation(
        snapshot,
        create(DeleteReservationRequestSchema, { pool: reservation?.poolId ?? '', prefix: reservation?.prefix ?? '' }),
        context,
      );
    case 'drain':
      return drainPool(snapshot, create(DrainPoolRequestSchema, { pool, toPool, move: s.which % 4 }), context);
    case 'freeze':
      return updatePool(snapshot, create(UpdatePoolRequestSchema, { pool, frozen: s.flag }), context);
    case 'quota': {
      const request = create(SetQuotaRequestSchema, { owner, limit4: 64n });
      return snapshot.quotas.has(owner) ? setQuota(snapshot, request, context) : openQuota(snapshot, request, context);
    }
    default: {
      const decision = sweepPool(snapshot, pool, now);
      return decision && { decision };
    }
  }
}

const prefixesOf = (records: Iterable<{ readonly record: { readonly prefix: string } }>): readonly Prefix[] =>
  [...records].flatMap(({ record }) => {
    const prefix = parsePrefix(record.prefix);
    return typeof prefix === 'string' ? [prefix] : [];
  });

const ledgerWithPools = createLedger(threePops());
for (const pool of ['44.31.0.0/22', '2001:db8:44::/48']) {
  const { snapshot } = ledgerWithPools;
  ledgerWithPools.commit(
    decisionOf(deletePool(snapshot, create(DeletePoolRequestSchema, { pool }), commandContext(snapshot))),
  );
}
for (const prefix of roots) {
  const { snapshot } = ledgerWithPools;
  ledgerWithPools.commit(
    decisionOf(
      createPool(
        snapshot,
        create(CreatePoolRequestSchema, { prefix, quarantineSeconds: 120 }),
        commandContext(snapshot),
      ),
    ),
  );
}
const start = ledgerWithPools.snapshot;

test('whatever pools are made of, of however old a snapshot: the check finds nothing, and nothing overlaps [A1] [A6]', () => {
  const committed = new Map<string, number>();
  const counted = { conflicts: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const ledger = createLedger(start);
      const history: Snapshot[] = [start];
      for (const [at, s] of steps.entries()) {
        const snapshot = history.at(-1 - s.behind) ?? start;
        const outcome = decide(snapshot, s, at);
        if (outcome === undefined) continue;
        if (isRefusal(outcome)) {
          counted.refused += 1;
          continue;
        }
        if (ledger.commit(outcome.decision) === undefined) {
          // A decision on the newest snapshot has nobody to collide with.
          if (snapshot === ledger.snapshot) throw new Error(`${s.what} conflicts with nobody`);
          counted.conflicts += 1;
          continue;
        }
        committed.set(s.what, (committed.get(s.what) ?? 0) + 1);
        history.push(ledger.snapshot);
        const now = ledger.snapshot;
        // An owner's first record may miss what was committed meanwhile: its limits come with the second step.
        const counting = [...now.quotas]
          .filter(([, { record }]) => record.limit4 === undefined)
          .map(([id]) => `quota/${id}`);
        const found = scanOf(now, undefined, new Date(0)).findings.filter(({ record }) => !counting.includes(record));
        // An empty slab that was cut beside others while its pool was deleted: nothing is given from it.
        const harmful = found.filter(({ kind, record }) => kind !== 'orphan' || !record.startsWith('slab/'));
        expect(harmful.map(({ kind, record, problem }) => `${s.what}: ${kind} ${record} ${problem}`)).toEqual([]);
        const given = prefixesOf([...now.allocations.values()].filter(({ record }) => record.delegatedPoolId === ''));
        for (const [n, prefix] of given.entries()) {
          expect(given.slice(n + 1).filter((other) => overlaps(prefix, other))).toEqual([]);
        }
        for (const { record: reserved } of now.reservations.values()) {
          const others = [...now.allocations.values()].filter(
            ({ record }) =>
              record.poolId === reserved.poolId &&
              record.quarantinedUntil === undefined &&
              (reserved.owner === '' || record.owner !== reserved.owner) &&
              overlaps(record.prefix as Prefix, reserved.prefix as Prefix),
          );
          expect(others.map(({ record }) => `${record.prefix} in ${reserved.prefix}`)).toEqual([]);
        }
        expect(standingPools(now).size).toBe(now.pools.size);
        for (const { record } of now.tunnels.values()) {
          expect(standingPrefixes(now, record)).toHaveLength(record.prefixes.length);
        }
      }
    }),
    { numRuns: 200 },
  );
  // The law says something only where every command commits, and commands do meet.
  for (const what of ['allocate', 'resize', 'delegate', 'reserve', 'unreserve', 'drain', 'unpool', 'quota', 'sweep']) {
    expect.soft(committed.get(what) ?? 0, what).toBeGreaterThan(0);
  }
  expect(counted.conflicts).toBeGreaterThan(50);
  expect(counted.refused).toBeGreaterThan(100);
});
