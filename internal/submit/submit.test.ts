import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { isRefusal, refuse } from '#internal/errors/errors.ts';
import { AllocationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { CreatePopRequestSchema, CreatePopResponseSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import type { MemoryStore } from '#internal/testkit/memory-store.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import type { Submit } from './submit.ts';
import { createSubmit } from './submit.ts';
import {
  daemon,
  hurried,
  signal,
  common,
  aRecord,
  put,
  remove,
  granted,
  thrownBy,
  one,
} from '#internal/testkit/submitting.ts';

test('a granted request is committed once and tells its revision', async () => {
  const { store, submit, head } = one();
  const { changed, response } = granted(await put(submit, { id: 'a' }));
  expect(changed).toMatchObject({ revision: 2n, repeated: false });
  expect(changed.requestId).toMatch(/^made-/);
  expect(response.pop?.id).toBe('a');
  await head.reached(changed.revision, signal);
  expect(head.snapshot().pops.has('a')).toBe(true);
  expect(store.commits).toHaveLength(1);
});

test('a repeat with the same request id gives the first answer again, at any daemon [A7]', async () => {
  const { store, submit } = one();
  const other = daemon(store, store.follower().head);
  const first = granted(await put(submit, { id: 'a', requestId: 'r1' }));
  for (const again of [submit, other]) {
    const { changed, response } = granted(await put(again, { id: 'a', requestId: 'r1' }));
    expect(changed).toMatchObject({ repeated: true, revision: first.changed.revision, requestId: 'r1' });
    expect(response).toEqual(first.response);
  }
});

test.each([
  ['another request', { id: 'a', requestId: 'r1', description: 'other' }],
  ['another principal', { id: 'a', requestId: 'r1', admin: 'eve' }],
  ['a request that would be granted', { id: 'b', requestId: 'r1' }],
])('a request id cannot serve %s', async (_, asked) => {
  const { submit, head } = one();
  const { changed } = granted(await put(submit, { id: 'a', requestId: 'r1' }));
  await head.reached(changed.revision, signal);
  expect(await put(submit, asked)).toMatchObject({ refused: 'request-id-reused' });
});

test.each(['a b', 'ä', 'x'.repeat(65), '../x', 'a\n'])('%j is no request id', async (requestId) => {
  const { submit, store } = one();
  expect(await put(submit, { id: 'a', requestId })).toMatchObject({ refused: 'invalid', field: 'change.request_id' });
  expect(store.commits).toEqual([]);
});

test('a repeat gives the first answer also where its words have become ambiguous since [A7]', async () => {
  const { submit, head } = one();
  const named = () =>
    submit({
      ...common(),
      method: '/named',
      input: CreatePopRequestSchema,
      output: CreatePopResponseSchema,
      request: create(CreatePopRequestSchema, { change: { requestId: 'r1' } }),
      decide(snapshot) {
        if (snapshot.pops.has('a')) return refuse('invalid', { problem: 'names two pools', cure: 'name it by its id' });
        return {
          decision: { compares: [], writes: [{ op: 'put', kind: 'pop', id: 'a', record: aRecord }] },
          response: {},
        };
      },
    });
  const { changed } = granted(await named());
  await head.reached(changed.revision, signal);
  expect(granted(await named()).changed).toMatchObject({ repeated: true, revision: changed.revision });
});

test('what one daemon created another can delete at once', async () => {
  const store = memoryStore();
  const [a, b] = [store.follower(), store.follower()];
  b.pause();
  granted(await put(daemon(store, a.head), { id: 'a' }));
  setTimeout(() => b.resume(), 30);
  let decisions = 0;
  granted(await remove(daemon(store, b.head), { id: 'a' }, () => (decisions += 1)));
  expect(decisions).toBe(2);
});

test('a refusal that follows from the request alone needs no store', async () => {
  const { store, submit } = one();
  store.faults.push('away');
  expect(await put(submit, { id: '' })).toMatchObject({ refused: 'required' });
});

test('a refusal that the newest snapshot confirms is given', async () => {
  const { submit } = one();
  expect(await remove(submit, { id: 'a' })).toMatchObject({ refused: 'not-found' });
});

test('a conflict is decided again on the snapshot that won', async () => {
  const store = memoryStore();
  const [a, b] = [store.follower(), store.follower()];
  b.pause();
  granted(await put(daemon(store, a.head), { id: 'a' }));
  setTimeout(() => b.resume(), 30);
  expect(await put(daemon(store, b.head), { id: 'a' })).toMatchObject({ refused: 'already-exists' });
});

test('a request that stumbles over its own first try, after it has lost to another, is answered as that was', async () => {
  const store = memoryStore();
  const [a, b] = [store.follower(), store.follower()];
  const [atA, atB] = [daemon(store, a.head), daemon(store, b.head)];
  const twice = (submit: Submit) =>
    submit({
      ...common(),
      method: '/both',
      input: CreatePopRequestSchema,
      output: CreatePopResponseSchema,
      request: create(CreatePopRequestSchema, { change: { requestId: 'r1' } }),
      decide(snapshot) {
        if (snapshot.pops.has('a')) return refuse('already-exists', { problem: 'exists', cure: 'another id' });
        const revision = snapshot.pops.get('other')?.revision ?? 0n;
        return {
          decision: {
            compares: [{ kind: 'pop', id: 'other', revision }],
            writes: [{ op: 'put', kind: 'pop', id: 'a', record: aRecord }],
          },
          response: { pop: aRecord },
        };
      },
    });
  b.pause();
  const { changed } = granted(await put(atA, { id: 'other' }));
  const second = twice(atB);
  await eventually(() => store.commits.length === 2, 1_000);
  await a.head.reached(changed.revision, signal);
  const first = granted(await twice(atA));
  b.resume();
  expect(granted(await second).changed).toMatchObject({ repeated: true, revision: first.changed.revision });
});

test.each(['lost-before', 'lost-after'] as const)('an answer %s the commit leads to one commit', async (fault) => {
  const { store, submit, head } = one();
  store.faults.push(fault);
  const { changed } = granted(await put(submit, { id: 'a' }));
  expect(changed).toMatchObject({ revision: 2n, repeated: false });
  await head.reached(2n, signal);
  expect(head.snapshot().pops.has('a')).toBe(true);
  expect(await store.currentRevision()).toBe(2n);
});

test('a store that is away is told within 2 s, and that nothing was changed', async () => {
  const { store, submit } = one();
  store.faults.push('away');
  expect(await thrownBy(put(submit, { id: 'a' }))).toMatchObject({ code: 'unavailable' });
});

test('a commit without an answer is pending, never failed, within 2 s', async () => {
  const { store, head } = one();
  store.faults.push('silent');
  const clock = hurried();
  const thrown = await thrownBy(put(daemon(store, head, clock), { id: 'a', requestId: 'r1' }));
  expect(thrown).toMatchObject({ code: 'pending' });
  expect(String(thrown)).toContain('r1');
  expect(clock.longestMs).toBeLessThan(2_000);
});

test('what waited for its turn longer than its caller is not carried out any more, and its caller is told so', async () => {
  const { store, head } = one();
  const back = Promise.withResolvers<void>();
  const stuck = {
    ...store,
    async commit(...[decision, operation]: Parameters<MemoryStore['commit']>) {
      await back.promise;
      return store.commit(decision, operation);
    },
  };
  const submit = daemon({ ...store, ...stuck }, head, hurried());
  const thrown = await Promise.all(
    Array.from({ length: 100 }, (_, at) => thrownBy(put(submit, { id: `p${at}`, requestId: `r${at}` }))),
  );
  back.resolve();
  const next = granted(await put(submit, { id: 'next' }));
  await head.reached(next.changed.revision, signal);
  const told = thrown.map((fault) => (fault as { code: string }).code);
  for (const [at, code] of told.entries())
    expect([at, code]).toEqual([at, head.snapshot().pops.has(`p${at}`) ? 'pending' : 'unavailable']);
  expect(new Set(told)).toEqual(new Set(['pending', 'unavailable']));
});

test('a request whose leader does not answer in time is pending, never a fault of ours', async () => {
  const { store, head } = one();
  // What is left of a daemon that stood still: its own patience with the leader is over only after that with the caller.
  const lead = { fence: () => undefined, forward: () => new Promise<never>(() => {}) };
  const { submit } = createSubmit({ head, store, clock: hurried(), nodeId: 'p1', newId: () => 'made', lead });
  const asked = submit({
    ...common(),
    method: '/forwarded',
    input: CreatePopRequestSchema,
    output: CreatePopResponseSchema,
    request: create(CreatePopRequestSchema),
    led: () => '4-2c1f0000-22',
    decide: () => ({ decision: { compares: [], writes: [] }, response: {} }),
  });
  expect(await thrownBy(asked)).toMatchObject({ code: 'pending' });
});

test('an ambiguous commit whose store then goes away is pending', async () => {
  const { store, submit } = one();
  store.faults.push('lost-after', 'away');
  expect(await thrownBy(put(submit, { id: 'a' }))).toMatchObject({ code: 'pending' });
});

test('a daemon that the watch has left behind does not refuse on what it remembers', async () => {
  const store = memoryStore();
  const [a, b] = [store.follower(), store.follower()];
  b.pause();
  granted(await put(daemon(store, a.head), { id: 'a' }));
  expect(await thrownBy(remove(daemon(store, b.head, hurried()), { id: 'a' }))).toMatchObject({ code: 'unavailable' });
});

test('a dry run answers with the record changes and writes nothing', async () => {
  const { store, submit } = one();
  const { changed, response } = granted(await put(submit, { id: 'a', dryRun: true }));
  expect(changed).toMatchObject({ revision: 0n, decision: [expect.stringMatching(/^put pop\/a \{"id":"a",/)] });
  expect(response.pop?.id).toBe('a');
  expect(store.commits).toEqual([]);
});

test('a dry run writes nothing, though what it was refused for passes in the same moment', async () => {
  const { store, submit } = one();
  let looks = 0;
  const outcome = await submit({
    ...common(),
    method: '/due',
    input: CreatePopRequestSchema,
    output: CreatePopResponseSchema,
    request: create(CreatePopRequestSchema, { change: { dryRun: true } }),
    decide() {
      looks += 1;
      if (looks === 1) return refuse('taken', { problem: 'is in quarantine', cure: 'wait for its end' });
      return {
        decision: { compares: [], writes: [{ op: 'put', kind: 'pop', id: 'a', record: aRecord }] },
        response: {},
      };
    },
  });
  expect(isRefusal(outcome)).toBe(false);
  expect(store.commits).toEqual([]);
});

test('requests decided at the same time do not take the same allocation', async () => {
  const { store, submit, head } = one();
  const take = () =>
    submit({
      ...common(),
      method: '/take',
      input: CreatePopRequestSchema,
      output: CreatePopResponseSchema,
      request: create(CreatePopRequestSchema),
      decide(snapshot, { taken }) {
        for (let n = 0; ; n += 1) {
          const poolId = '4-2c1f0000-22';
          const id = `${poolId}/2c1f00${n.toString(16).padStart(2, '0')}`;
          if (snapshot.allocations.has(id) || taken.has(id)) continue;
          const record = create(AllocationSchema, { poolId, prefix: `44.31.0.${n}/32` });
          return {
            decision: {
              compares: [{ kind: 'allocation', id, revision: 0n }],
              writes: [{ op: 'put', kind: 'allocation', id, record }],
            },
            response: {},
          };
        }
      },
    });
  const outcomes = await Promise.all(Array.from({ length: 50 }, take));
  await head.reached(51n, signal);
  expect(outcomes.every((outcome) => !isRefusal(outcome))).toBe(true);
  expect(head.snapshot().allocations.size).toBe(50);
  expect(store.commits).toHaveLength(50);
});

test('a record that is never still is given up after ten tries', async () => {
  const { submit, store } = one();
  const outcome = await submit({
    ...common(),
    method: '/spin',
    input: CreatePopRequestSchema,
    output: CreatePopResponseSchema,
    request: create(CreatePopRequestSchema),
    decide: () => ({
      decision: { compares: [{ kind: 'pop', id: 'a', revision: 7n }], writes: [] },
      response: {},
    }),
  });
  expect(outcome).toMatchObject({ refused: 'conflict' });
  expect(store.commits).toHaveLength(10);
});
