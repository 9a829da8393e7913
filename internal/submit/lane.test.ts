import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { AllocationSchema, OperationSchema, QuotaSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import type { CommitOutcome, LeaderFence } from '#internal/store/store.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { type MemoryStore, memoryStore, type StoreSide } from '#internal/testkit/memory-store.ts';
import { type Claims, createClaims } from './claims.ts';
import { type Attempt, directLane, type Lane, ledLane } from './lane.ts';

const poolId = '4-2c1f0000-22';
const fence: LeaderFence = { poolId, key: `/pop44/election/v1/leader/${poolId}`, createRevision: 7n };
const keyOf = (n: number): string => `${poolId}/${(0x2c1f0000 + n).toString(16)}`;
const slabId = `${poolId}/2c1f0000`;

let requests = 0;
const operation = (requestId = `r${(requests += 1)}`) => create(OperationSchema, { requestId, method: '/take' });

/** Puts the allocation with this number, and the slab where it has to be cut. */
function take(n: number, cuts = false): Decision {
  const prefix = `44.31.${n >> 8}.${n & 255}/32`;
  const slab = create(SlabSchema, { poolId, prefix: '44.31.0.0/24', unitLength: 32, homePopId: 'p1' });
  return {
    compares: [
      { kind: 'allocation', id: keyOf(n), revision: 0n },
      ...(cuts ? [{ kind: 'slab', id: slabId, revision: 0n } as const] : []),
    ],
    writes: [
      { op: 'put', kind: 'allocation', id: keyOf(n), record: create(AllocationSchema, { poolId, prefix, owner: 'a' }) },
      ...(cuts ? [{ op: 'put', kind: 'slab', id: slabId, record: slab } as const] : []),
    ],
  };
}

interface Setting {
  readonly store: MemoryStore;
  readonly follower: StoreSide;
  readonly claims: Claims;
  readonly lane: Lane;
  /** Groups as they were committed. */
  readonly groups: number[];
  held: LeaderFence | undefined;
  /** Until when the store keeps everybody waiting. */
  answered: Promise<void>;
}

function setting(): Setting {
  const store = memoryStore();
  const follower = store.follower();
  const claims = createClaims(follower.head);
  const groups: number[] = [];
  const counted = {
    ...store,
    commitGroup: async (group: Parameters<MemoryStore['commitGroup']>[0]) => {
      groups.push(group.size);
      await made.answered;
      return store.commitGroup(group);
    },
  };
  const made: Setting = {
    store,
    follower,
    claims,
    groups,
    held: fence,
    answered: Promise.resolve(),
    lane: ledLane(counted, claims, realClock, () => made.held),
  };
  return made;
}

const kinds = (outcomes: readonly (Refusal | CommitOutcome)[]): readonly string[] =>
  outcomes.map((outcome) => (isRefusal(outcome) ? outcome.refused : outcome.outcome));

/** Takes the lowest number that nobody holds, as an allocator does. */
const lowest = (claims: Claims): Attempt => {
  return () => {
    let n = 1;
    while (claims.taken.has(keyOf(n))) n += 1;
    return { decision: take(n), operation: operation() };
  };
};

test('requests of one turn are committed together, and each takes another address', async () => {
  const { lane, claims, groups } = setting();
  const outcomes = await Promise.all(Array.from({ length: 40 }, () => lane.attempt(lowest(claims))));
  expect(new Set(kinds(outcomes))).toEqual(new Set(['committed']));
  expect(groups).toEqual([40]);
  expect(new Set(outcomes.map((outcome) => !isRefusal(outcome) && outcome.revision)).size).toBe(1);
});

test('what one transaction does not take goes in the next', async () => {
  const { lane, claims, groups } = setting();
  const outcomes = await Promise.all(Array.from({ length: 300 }, () => lane.attempt(lowest(claims))));
  expect(new Set(kinds(outcomes))).toEqual(new Set(['committed']));
  expect(Math.max(...groups)).toBeGreaterThan(55);
  expect(Math.max(...groups)).toBeLessThanOrEqual(63);
  expect(groups.reduce((all, each) => all + each, 0)).toBe(300);
});

test('one that is refused, one that conflicts and one that was asked before leave the others alone', async () => {
  const { lane, store } = setting();
  const given = await lane.attempt(() => ({ decision: take(5), operation: operation('first') }));
  expect(given).toMatchObject({ outcome: 'committed' });
  const one = (decision: Decision, id?: string) => lane.attempt(() => ({ decision, operation: operation(id) }));
  const outcomes = await Promise.all([
    one(take(1)),
    lane.attempt(() => refuse('frozen', { problem: 'is frozen', cure: '' })),
    one(take(5)),
    one(take(9), 'first'),
    lane
      .attempt(() => {
        throw new Error('a fault of the command');
      })
      .catch((thrown: unknown) => refuse('invalid', { problem: String(thrown), cure: '' })),
    one(take(2)),
  ]);
  expect(kinds(outcomes)).toEqual(['committed', 'frozen', 'conflict', 'repeated', 'invalid', 'committed']);
  expect(await store.currentRevision()).toBe(3n);
});

test('two that cut the same slab go together; while they are under way nobody uses it', async () => {
  const made = setting();
  const { lane, claims, groups } = made;
  const answer = Promise.withResolvers<void>();
  made.answered = answer.promise;
  const both = Promise.all(
    [1, 2].map((n) => lane.attempt(() => ({ decision: take(n, true), operation: operation() }))),
  );
  await new Promise<void>((resolve) => setImmediate(resolve));
  expect(claims.slab(slabId)).toBe('flying');
  expect(claims.landing()).toBeDefined();
  answer.resolve();
  expect(kinds(await both)).toEqual(['committed', 'committed']);
  expect(groups).toEqual([2]);
  expect(claims.slab(slabId)).toMatchObject({ revision: 2n, record: { unitLength: 32 } });
  expect(claims.landing()).toBeUndefined();
});

test('a leader that was deposed commits nothing [A7]', async () => {
  const { lane, claims, store } = setting();
  store.deposed.add(fence.key);
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => lane.attempt(lowest(claims))));
  expect(new Set(kinds(outcomes))).toEqual(new Set(['deposed']));
  expect(await store.currentRevision()).toBe(1n);
  expect(claims.taken.size).toBe(0);
});

test('whoever waits when the fence is gone is told so', async () => {
  const made = setting();
  made.held = undefined;
  expect(await made.lane.attempt(lowest(made.claims))).toMatchObject({ outcome: 'deposed' });
  expect(made.groups).toEqual([]);
});

test('a group whose answer is lost is ambiguous for each of them, and their addresses are offered again', async () => {
  const { lane, claims, store } = setting();
  store.faults.push('lost-before');
  const outcomes = await Promise.allSettled([lane.attempt(lowest(claims)), lane.attempt(lowest(claims))]);
  for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ambiguous' } });
  expect(claims.taken.size).toBe(0);
});

test('alone each is a transaction of its own, at once', async () => {
  const { store, claims } = setting();
  const lane = directLane(store, claims);
  const outcomes = await Promise.all(Array.from({ length: 3 }, () => lane.attempt(lowest(claims))));
  expect(outcomes.map((outcome) => !isRefusal(outcome) && outcome.revision)).toEqual([2n, 3n, 4n]);
});

test('requests that rewrite one record go one after another, and hold up nobody else', async () => {
  const { lane, claims, store, follower } = setting();
  const owner = 'admin/ada';
  let attempts = 0;
  const counting: Attempt = () => {
    attempts += 1;
    claims.seen();
    const stored = follower.head.snapshot().quotas.get(owner);
    const record = create(QuotaSchema, { owner, used4: (stored?.record.used4 ?? 0n) + 1n });
    const decision: Decision = {
      compares: [{ kind: 'quota', id: owner, revision: stored?.revision ?? 0n }],
      writes: [{ op: 'put', kind: 'quota', id: owner, record }],
    };
    return { decision, operation: operation() };
  };
  const counted = Promise.all(Array.from({ length: 20 }, () => lane.attempt(counting)));
  const others = await Promise.all(Array.from({ length: 40 }, () => lane.attempt(lowest(claims))));
  expect(new Set(kinds(others))).toEqual(new Set(['committed']));
  expect(follower.head.snapshot().quotas.get(owner)?.record.used4 ?? 0n).toBeLessThan(20n);
  expect(new Set(kinds(await counted))).toEqual(new Set(['committed']));
  await eventually(() => follower.head.snapshot().quotas.get(owner)?.record.used4 === 20n, 1_000);
  expect(attempts).toBeLessThan(20 * 20);
  expect(store.deposed.size).toBe(0);
});

test('whoever waits for a record is told when it is seen, in whatever order the answers come', async () => {
  const made = setting();
  const { lane, claims, follower } = made;
  const owner = 'admin/ada';
  const quota = (revision: bigint): Decision => ({
    compares: [{ kind: 'quota', id: owner, revision }],
    writes: [{ op: 'put', kind: 'quota', id: owner, record: create(QuotaSchema, { owner }) }],
  });
  const [sooner, later] = [claims.claim(quota(0n)), claims.claim(take(1))];
  const waits = lane.attempt(() => ({ decision: quota(9n), operation: operation() }));
  await new Promise<void>((resolve) => setImmediate(resolve));
  later.settle(10n);
  sooner.settle(9n);
  for (const revision of [9n, 10n]) {
    follower.head.advance({ ...follower.head.snapshot(), revision }, []);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  expect(await waits).toMatchObject({ outcome: 'conflict' });
});

test('when the store was set back, nothing of what it had committed is believed any more', async () => {
  const { lane, claims, store, follower } = setting();
  const shown = (revision: bigint) => follower.head.advance({ ...follower.head.snapshot(), revision }, []);
  follower.pause();
  await lane.attempt(() => ({ decision: take(1, true), operation: operation() }));
  const committed = await store.currentRevision();
  expect(claims.slab(slabId)).toMatchObject({ revision: committed });
  const cut = () => [...(follower.head.freeIndex().space(poolId)?.slabs() ?? [])].length;
  expect(cut()).toBe(1);
  shown(committed + 5n);
  shown(committed - 1n);
  claims.seen();
  expect(claims.slab(slabId)).toBeUndefined();
  expect(claims.taken.size).toBe(0);
  expect(cut()).toBe(0);
});
