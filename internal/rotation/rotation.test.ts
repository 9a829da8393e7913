import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { rotateInterconnectKey } from '#internal/command/command.ts';
import { Fault, isRefusal } from '#internal/errors/errors.ts';
import { InterconnectKeyAgeSchema, type Node, OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { RotateInterconnectKeyRequestSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Decision, Write } from '#internal/model/record.ts';
import { createStatus, silent } from '#internal/status/status.ts';
import { commandContext } from '#internal/testkit/command-context.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { fabricEvents, testKey } from '#internal/testkit/three-pops.ts';
import { rotateAgainAndAgain } from './rotation.ts';

const day = 24 * 3600_000;
const start = Date.UTC(2026, 0, 1);
let ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends) end();
  ends = [];
});

/** Three nodes, joined, whose keys are all of one day; time passes a hundred times as fast, and in leaps. */
async function network() {
  const store = memoryStore();
  const { head } = store.follower();
  let leapMs = 0;
  const clock = {
    monotonicMs: () => realClock.monotonicMs() * 100,
    wall: () => new Date(start + leapMs),
    sleep: (ms: number, signal?: AbortSignal) => realClock.sleep(ms / 100, signal),
  };
  const aged = create(InterconnectKeyAgeSchema, { since: timestampFromDate(new Date(start)) });
  let requests = 0;
  const commit = (decision: Decision) =>
    store.commit(decision, create(OperationSchema, { requestId: `test-${(requests += 1)}` }));
  const writes = fabricEvents().map(({ kind, id, stored }) => {
    const record = kind === 'node' ? { ...stored?.record, interconnectKeyAge: aged } : stored?.record;
    return { op: 'put', kind, id, record } as Write;
  });
  await commit({ compares: [], writes });
  await eventually(() => head.snapshot().interconnects.size === 3, 2_000);
  const established = new Set<string>();
  const asked: (readonly string[])[] = [];
  const nodeOf = (id: string): Node | undefined => head.snapshot().nodes.get(id)?.record;
  return {
    store,
    head,
    established,
    asked,
    nodeOf,
    leap: (ms: number) => {
      leapMs += ms;
    },
    async ask(node: string, cancel = false) {
      const request = create(RotateInterconnectKeyRequestSchema, { node, cancel });
      const decided = rotateInterconnectKey(
        head.snapshot(),
        request,
        commandContext(head.snapshot(), { now: clock.wall() }),
      );
      if (isRefusal(decided)) return decided.refused;
      const { revision } = await commit(decided.decision);
      await head.reached(revision, AbortSignal.timeout(2_000));
      return '';
    },
    /** The daemon of a node; `ails`: ids of others that it hears nothing of. */
    daemon(nodeId: string, ails: readonly string[] = [], denied = false) {
      const ended = new AbortController();
      ends.push(() => ended.abort());
      const status = createStatus(nodeId);
      for (const id of ['p1', 'p2', 'p3'])
        if (id !== nodeId && !ails.includes(id)) status.heard(id, silent, new Date(start));
      const failures: unknown[] = [];
      void rotateAgainAndAgain(
        {
          nodeId,
          clock,
          head,
          store: denied ? { commit: async () => Promise.reject(new Fault('rejected', 'permission denied')) } : store,
          status,
          newId: () => `rotation-${(requests += 1)}`,
          makeKey: async (keep) => {
            asked.push(keep);
            return testKey(900 + asked.length);
          },
          elsewhere: async (step) => {
            const request = create(RotateInterconnectKeyRequestSchema, { node: nodeId, ...step });
            const context = commandContext(head.snapshot(), { now: clock.wall(), principal: `node/${nodeId}` });
            const decided = rotateInterconnectKey(head.snapshot(), request, context);
            if (isRefusal(decided)) throw new Error(decided.message);
            return (await commit(decided.decision)).revision;
          },
          sessions: async () => [...established],
          failed: (thrown) => failures.push(thrown),
        },
        ended.signal,
      );
      return { status, failures, stop: () => ended.abort(), waitsFor: () => status.own().rotation };
    },
  };
}

const sessionsOf = (id: string, turn = 'j') =>
  [4, 6].map((family) => `p44${turn}_${id.replaceAll('-', '_')}_${family}`);

test('a rotation begins when it is asked for, and ends when every second link is established [T6]', async () => {
  const { daemon, ask, nodeOf, established, head, asked } = await network();
  const p1 = daemon('p1');
  expect(await ask('p1')).toBe('');
  expect(await ask('p1')).toBe('rotation-open');
  await eventually(() => p1.waitsFor() === 'waits for the second link of p1-p2, p1-p3', 2_000);
  expect(asked).toEqual([[testKey(301)]]);
  expect(nodeOf('p1')).toMatchObject({ interconnectPublicKey: testKey(301), nextInterconnectPublicKey: testKey(901) });
  for (const name of [...sessionsOf('p1-p2'), ...sessionsOf('p1-p3').slice(1)]) established.add(name);
  await eventually(() => p1.waitsFor() === 'waits for the second link of p1-p3', 2_000);
  for (const name of sessionsOf('p1-p3')) established.add(name);
  await eventually(() => nodeOf('p1')?.interconnectKeyAge?.generation === 1, 2_000);
  expect(nodeOf('p1')).toMatchObject({ interconnectPublicKey: testKey(901), nextInterconnectPublicKey: '' });
  // Both links of both interconnects have addresses and ports that are nobody else's.
  const links = [...head.snapshot().interconnects.values()].flatMap(({ record }) => [record.link4, record.otherLink4]);
  expect(new Set(links.filter((link) => link !== '')).size).toBe(5);
  await eventually(() => p1.waitsFor() === '', 2_000);
});

test('a daemon that is started again goes on where the record is [T6]', async () => {
  const { daemon, ask, nodeOf, established, asked } = await network();
  const first = daemon('p1');
  await ask('p1');
  await eventually(() => nodeOf('p1')?.nextInterconnectPublicKey !== '', 2_000);
  first.stop();
  daemon('p1');
  for (const name of [...sessionsOf('p1-p2'), ...sessionsOf('p1-p3')]) established.add(name);
  await eventually(() => nodeOf('p1')?.interconnectKeyAge?.generation === 1, 2_000);
  expect(asked).toHaveLength(1);
});

test('without an answer of the store the same key is tried again [T6]', async () => {
  const { daemon, ask, nodeOf, store, asked } = await network();
  await ask('p1');
  store.faults.push('lost-before', 'away', 'lost-after');
  const { failures } = daemon('p1');
  await eventually(() => nodeOf('p1')?.nextInterconnectPublicKey !== '', 2_000);
  expect(nodeOf('p1')?.nextInterconnectPublicKey).toBe(testKey(901));
  expect(asked).toHaveLength(1);
  expect(failures.length).toBeGreaterThan(0);
});

test('of two ends only one rotates at a time; the other waits and says so [T6]', async () => {
  const { daemon, ask, nodeOf, established } = await network();
  const [p1, p2] = [daemon('p1'), daemon('p2')];
  await ask('p1');
  await eventually(() => nodeOf('p1')?.nextInterconnectPublicKey !== '', 2_000);
  await ask('p2');
  await eventually(() => p2.waitsFor() === 'waits for node p1, which rotates', 2_000);
  for (const name of [...sessionsOf('p1-p2'), ...sessionsOf('p1-p3')]) established.add(name);
  await eventually(() => nodeOf('p1')?.interconnectKeyAge?.generation === 1, 2_000);
  // The turn of p1-p2 is the first link's again.
  await eventually(() => p2.waitsFor() === 'waits for the second link of p1-p2, p2-p3', 2_000);
  for (const name of [...sessionsOf('p1-p2', 'i'), ...sessionsOf('p2-p3')]) established.add(name);
  await eventually(() => nodeOf('p2')?.interconnectKeyAge?.generation === 1, 2_000);
  expect(p1.failures).toEqual([]);
});

test('what was asked for can be taken back, and the old key stays [T6]', async () => {
  const { daemon, ask, nodeOf, asked } = await network();
  const p1 = daemon('p1');
  expect(await ask('p1', true)).toBe('invalid');
  await ask('p1');
  await eventually(() => nodeOf('p1')?.nextInterconnectPublicKey !== '', 2_000);
  expect(await ask('p1', true)).toBe('');
  await eventually(() => p1.waitsFor() === '', 2_000);
  expect(nodeOf('p1')).toMatchObject({ interconnectPublicKey: testKey(301), nextInterconnectPublicKey: '' });
  expect(asked).toHaveLength(1);
});

test('a key of 30 days is rotated by itself, one node after the other, and none while a neighbour ails [T6]', async () => {
  const { daemon, nodeOf, asked, leap } = await network();
  const p1 = daemon('p1', ['p3']);
  leap(30 * day - 1);
  await realClock.sleep(50);
  expect(asked).toEqual([]);
  // Up to a day later, by its id.
  leap(day + 1);
  await eventually(() => p1.waitsFor() === 'waits for node p3 to be well', 2_000);
  expect(asked).toEqual([]);
  p1.status.heard('p3', { ...silent, failingSteps: 1 }, new Date(start));
  await realClock.sleep(50);
  expect(asked).toEqual([]);
  p1.status.heard('p3', silent, new Date(start));
  await eventually(() => nodeOf('p1')?.nextInterconnectPublicKey !== '', 2_000);
  const p2 = daemon('p2');
  await eventually(() => p2.waitsFor() === 'waits for node p1, which rotates', 2_000);
  expect(asked).toHaveLength(1);
});

test('a node that may not write its own record has another daemon do it; nobody else has that done for it [T6] [S6]', async () => {
  const { daemon, ask, nodeOf, established, head } = await network();
  const { failures } = daemon('p1', [], true);
  await ask('p1');
  await eventually(() => nodeOf('p1')?.nextInterconnectPublicKey === testKey(901), 2_000);
  for (const name of [...sessionsOf('p1-p2'), ...sessionsOf('p1-p3')]) established.add(name);
  await eventually(() => nodeOf('p1')?.interconnectKeyAge?.generation === 1, 2_000);
  expect(failures).toEqual([]);

  const step = (principal: string, rest: object) =>
    rotateInterconnectKey(
      head.snapshot(),
      create(RotateInterconnectKeyRequestSchema, { node: 'p2', ...rest }),
      commandContext(head.snapshot(), { principal }),
    );
  const [key, own] = [testKey(950), testKey(302)];
  for (const principal of ['admin/ada', 'node/p1'])
    expect(step(principal, { nextPublicKey: key })).toMatchObject({ refused: 'forbidden', field: 'node', value: 'p2' });
  for (const rest of [{}, { cancel: true }]) {
    expect(step('node/p1', rest)).toMatchObject({ refused: 'forbidden', field: 'node', value: 'p2' });
    expect(isRefusal(step('node/p2', rest))).toBe(true);
  }
  expect(step('node/p2', { nextPublicKey: 'x' })).toMatchObject({ refused: 'invalid', field: 'next_public_key' });
  expect(step('node/p2', { nextPublicKey: own })).toMatchObject({ refused: 'duplicate-key' });
  expect(step('node/p2', { nextPublicKey: key, promote: true })).toMatchObject({ refused: 'invalid' });
  expect(step('node/p2', { promote: true })).toMatchObject({ refused: 'rotation-open' });
  expect(isRefusal(step('node/p2', { nextPublicKey: key }))).toBe(false);
});
