import { create } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { AllocateRequestSchema, ReleaseRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { CreatePoolRequestSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { CreateTunnelRequestSchema, DeleteTunnelRequestSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { holderOf, type RecordChange, type Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { withNetwork, withQuota } from '#internal/testkit/allocation-requests.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { disjoint } from '#internal/testkit/disjoint.ts';
import { decisionOf } from '#internal/testkit/fabric-requests.ts';
import { createLedger, type Ledger } from '#internal/testkit/ledger.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { allocate, createPool, createTunnel, deleteTunnel, release, sweepPool } from './command.ts';
import { usedBy } from './quota-use.ts';

// Few of everything, so that owners meet: a pool of one slab, one of two, one without quarantine.
const pools = ['44.60.0.0/29', '44.64.0.0/23', '2a00:44:0:8::/61'] as const;
const quarantineSeconds = [60, 60, 0] as const;
// ada has a quota of her own, bob the default, and the two meet.
const owners = ['ada', 'bob', 'eve'] as const;

const wish = fc.oneof(
  { weight: 3, arbitrary: fc.record({ pool: fc.constantFrom(...pools) }) },
  fc.record({ pool: fc.constantFrom(...pools), length: fc.constantFrom(30, 31, 24, 64), count: fc.nat(3) }),
  fc.record({ prefix: fc.constantFrom('44.60.0.2/32', '44.64.1.0/30', '44.64.1.2/32', '2a00:44:0:8::/64') }),
  fc.record({ pool: fc.constant('44.64.0.0/23'), prefix: fc.constant('44.60.0.3/32') }),
);
const step = fc.record({
  what: fc.constantFrom('allocate', 'allocate', 'tunnel', 'release', 'release', 'delete', 'sweep'),
  owner: fc.constantFrom(...owners),
  /** How many commits the deciding daemon's snapshot is behind. */
  behind: fc.constantFrom(0, 0, 0, 1, 2, 5),
  wishes: fc.array(wish, { minLength: 1, maxLength: 2 }),
  which: fc.nat(),
  home: fc.constantFrom('p1', 'p2'),
  /** Seconds since the step before. */
  later: fc.constantFrom(0, 1, 30, 70),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const first = ((): Snapshot => {
  const ledger = createLedger(threePops());
  for (const [at, prefix] of pools.entries()) {
    const request = create(CreatePoolRequestSchema, { prefix, quarantineSeconds: quarantineSeconds[at] ?? 0 });
    ledger.commit(decisionOf(createPool(ledger.snapshot, request, commandContext(ledger.snapshot))));
  }
  return ledger.snapshot;
})();
const limited = withNetwork(withQuota(first, 'ada', { limit4: 5n, limit6: 3n }), { defaultLimit4: 9n });

interface Asked {
  readonly snapshot: Snapshot;
  readonly s: Step;
  readonly at: number;
  readonly now: Date;
}

function decide({ snapshot, s, at, now }: Asked): Refusal | { readonly decision: Decision } | undefined {
  const context = commandContext(snapshot, { now, principal: s.owner, localPopId: s.home }, at + 1);
  const { wishes, owner } = s;
  switch (s.what) {
    case 'allocate':
      return allocate(snapshot, create(AllocateRequestSchema, { wishes }), context);
    case 'tunnel': {
      const publicKey = testKey(500 + at);
      return createTunnel(snapshot, create(CreateTunnelRequestSchema, { wishes, publicKey }), context);
    }
    case 'release': {
      const own = [...snapshot.allocations.values()].filter(
        ({ record }) => record.owner === owner && holderOf(record) !== 'quarantine',
      );
      const prefixes = own.map(({ record }) => record.prefix).toSorted();
      const some = prefixes.slice(s.which % Math.max(1, prefixes.length)).slice(0, 2);
      return release(snapshot, create(ReleaseRequestSchema, { prefixes: some }), context);
    }
    case 'delete': {
      const tunnels = [...snapshot.tunnels.keys()].toSorted();
      const tunnel = tunnels[s.which % Math.max(1, tunnels.length)] ?? 'nobody';
      return deleteTunnel(snapshot, create(DeleteTunnelRequestSchema, { tunnel }), context);
    }
    case 'sweep': {
      const decision = sweepPool(snapshot, s.which % 2 ? '4-2c3c0000-29' : '4-2c400000-23', now);
      return decision && { decision };
    }
  }
}

/** What may become of an allocation in one commit. */
function lawful(changes: readonly RecordChange[], now: Date): boolean {
  return changes.every((change) => {
    if (change.kind !== 'allocation' || change.before === undefined) return true;
    const [before, after] = [change.before.record, change.after?.record];
    if (holderOf(before) === 'quarantine') {
      // Its owner's again, or free after its time.
      if (after !== undefined) return after.owner === before.owner;
      return before.quarantinedUntil !== undefined && timestampMs(before.quarantinedUntil) <= now.getTime();
    }
    if (after === undefined) return before.poolId.startsWith('6-');
    return after.owner === before.owner && after.prefix === before.prefix;
  });
}

function check({ snapshot }: Ledger): void {
  const allocations = [...snapshot.allocations.values()].map(({ record }) => record);
  expect(disjoint(allocations.map(({ prefix }) => prefix))).toBe(true);
  for (const [owner, { record }] of snapshot.quotas) {
    const { used4, used6 } = record;
    expect({ used4, used6 }).toEqual(usedBy(snapshot, owner));
  }
  expect(usedBy(snapshot, 'ada').used4).toBeLessThanOrEqual(5n);
  expect(usedBy(snapshot, 'ada').used6).toBeLessThanOrEqual(3n);
  expect(usedBy(snapshot, 'bob').used4).toBeLessThanOrEqual(9n);
  const inUse = allocations.filter((record) => holderOf(record) === 'tunnel').length;
  const claimed = [...snapshot.tunnels.values()].reduce((sum, { record }) => sum + record.prefixes.length, 0);
  expect(inUse).toBe(claimed);
}

test('whatever owners take and give back: nothing overlaps, no quota is passed, what is kept is kept [A1] [A6]', () => {
  const counted = { committed: 0, conflicts: 0, refused: 0, regained: 0, freed: 0 };
  const refusals = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const ledger = createLedger(limited);
      const history: Snapshot[] = [limited];
      let now = new Date(1_760_000_000_000);
      for (const [at, s] of steps.entries()) {
        now = new Date(now.getTime() + s.later * 1_000);
        const snapshot = history.at(-1 - s.behind) ?? limited;
        const outcome = decide({ snapshot, s, at, now });
        if (outcome === undefined) continue;
        if (isRefusal(outcome)) {
          refusals.add(outcome.refused);
          counted.refused += 1;
          continue;
        }
        const changes = ledger.commit(outcome.decision);
        if (changes === undefined) {
          // A decision on the newest snapshot has nobody to collide with.
          expect(snapshot).not.toBe(ledger.snapshot);
          counted.conflicts += 1;
          continue;
        }
        counted.committed += 1;
        expect(lawful(changes, now)).toBe(true);
        for (const change of changes) {
          if (change.kind !== 'allocation' || change.before === undefined) continue;
          if (change.after === undefined) counted.freed += 1;
          else if (holderOf(change.before.record) === 'quarantine') counted.regained += 1;
        }
        history.push(ledger.snapshot);
        check(ledger);
      }
    }),
    { numRuns: 200 },
  );
  // The law says something only where owners do meet.
  expect(counted.committed).toBeGreaterThan(500);
  expect(counted.conflicts).toBeGreaterThan(50);
  expect(counted.regained).toBeGreaterThan(10);
  expect(counted.freed).toBeGreaterThan(50);
  for (const reason of ['quota-exceeded', 'pool-exhausted', 'taken', 'overlap', 'outside-pool', 'in-use', 'required']) {
    expect(refusals).toContain(reason);
  }
});

test('what an owner released last is what it is given next, whoever asked in between [A6]', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.nat(20), fc.constantFrom(30, 31, 32), (mine, others, length) => {
      const ledger = createLedger(first);
      const ask = (principal: string, count: number): readonly string[] => {
        const wishes = Array.from({ length: count }, () => ({ pool: pools[1], length }));
        const outcome = allocate(ledger.snapshot, create(AllocateRequestSchema, { wishes }), {
          ...commandContext(ledger.snapshot),
          principal,
        });
        expect(ledger.commit(decisionOf(outcome))).toBeDefined();
        return isRefusal(outcome) ? [] : outcome.response.allocations.map(({ prefix }) => prefix);
      };
      const had = ask('ada', mine);
      const request = create(ReleaseRequestSchema, { prefixes: [...had] });
      const context = commandContext(ledger.snapshot, { principal: 'ada' });
      ledger.commit(decisionOf(release(ledger.snapshot, request, context)));
      for (let n = 0; n < others; n += 1) for (const prefix of ask('eve', 1)) expect(had).not.toContain(prefix);
      expect(ask('ada', mine).toSorted()).toEqual(had.toSorted());
    }),
    { numRuns: 50 },
  );
});
