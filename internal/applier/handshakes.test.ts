import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { watchHandshakes } from './handshakes.ts';
import { createNudge } from './nudge.ts';

/** Time flies: pauses are over at once. */
const clock = { ...realClock, sleep: () => new Promise<void>((resolve) => setImmediate(resolve)) };

test('an interface that cannot be read for a while is told once, and looked at again [A3]', async () => {
  const ended = new AbortController();
  const peers = new Map([['a', 1_000]]);
  const known = new Map<string, number>();
  const told: (readonly [string, number])[][] = [];
  const confirmed: string[][] = [];
  const failures: unknown[] = [];
  let packets = 0;
  let blind = false;
  const watching = watchHandshakes(
    {
      peers: async () => {
        if (blind) throw new Error('nobody answers');
        return [...peers].map(([peer, lastHandshakeMs]) => ({ peer, lastHandshakeMs, endpoint: `${peer}:1` }));
      },
      received: () => (packets += 1),
      confirmed: (endpoints) => confirmed.push([...endpoints]),
      known,
      failed: (cause) => failures.push(cause),
      hurried: () => false,
      nudge: createNudge(),
      clock,
    },
    (changed) => told.push([...changed]),
    ended.signal,
  );
  await eventually(() => told.length === 1, 1_000);
  blind = true;
  await eventually(() => failures.length === 1, 1_000);
  peers.set('a', 2_000).set('b', 1_500).set('never', 0);
  blind = false;
  await eventually(() => told.length === 2, 1_000);
  expect(told).toEqual([
    [['a', 1_000]],
    [
      ['a', 2_000],
      ['b', 1_500],
    ],
  ]);
  expect([...known]).toEqual(told[1]);
  // Where they are, of those alone whose handshake is new: the endpoint of the others may be a replay's.
  expect(confirmed).toEqual([['a:1'], ['a:1', 'b:1']]);
  peers.delete('a');
  await eventually(() => !known.has('a'), 1_000);
  expect(failures).toHaveLength(1);
  ended.abort();
  await watching;
});

test('who is waited for is looked for often, though the interface stands still, and a long pause ends for it [T6]', async () => {
  const ended = new AbortController();
  const slept: number[] = [];
  let [looks, waiting] = [0, false];
  const watching = watchHandshakes(
    {
      peers: async () => {
        looks += 1;
        return [{ peer: 'next', lastHandshakeMs: looks > 5 ? 1_000 : 0 }];
      },
      received: () => 7,
      confirmed: () => undefined,
      known: new Map(),
      failed: () => undefined,
      hurried: () => waiting,
      nudge: createNudge(),
      clock: {
        ...clock,
        sleep: (ms) => {
          slept.push(ms);
          return clock.sleep();
        },
      },
    },
    (changed) => {
      expect(changed).toEqual([['next', 1_000]]);
      waiting = false;
    },
    ended.signal,
  );
  // The counter has not moved since the first look.
  await eventually(() => slept.length > 5, 1_000);
  expect(looks).toBe(1);
  waiting = true;
  const before = slept.length;
  await eventually(() => looks > 5 && !waiting, 1_000);
  expect(Math.max(...slept.slice(before + 1, before + 4))).toBeLessThanOrEqual(250);
  ended.abort();
  await watching;
});

test('who sends keepalives alone, which do not reach the interface, is seen within 10 s [A3]', async () => {
  const ended = new AbortController();
  const told: (readonly [string, number])[] = [];
  let [nowMs, looks] = [0, 0];
  const watching = watchHandshakes(
    {
      peers: async () => {
        looks += 1;
        return looks > 1 ? [{ peer: 'idle', lastHandshakeMs: 1_000 }] : [];
      },
      received: () => 7,
      confirmed: () => undefined,
      known: new Map(),
      failed: () => undefined,
      hurried: () => false,
      nudge: createNudge(),
      clock: {
        ...clock,
        monotonicMs: () => nowMs,
        sleep: (ms) => {
          nowMs += ms;
          return clock.sleep();
        },
      },
    },
    (changed) => told.push(...changed),
    ended.signal,
  );
  await eventually(() => told.length > 0, 5_000);
  ended.abort();
  await watching;
  expect(looks).toBeGreaterThanOrEqual(2);
  expect(looks).toBeLessThanOrEqual(2 + nowMs / 10_000);
});

test('a look that took long on a busy machine is followed by the next one as soon as any [A3]', async () => {
  const ended = new AbortController();
  let nowMs = 0;
  const slept: number[] = [];
  const watching = watchHandshakes(
    {
      peers: async () => {
        nowMs += 2_000;
        return [{ peer: 'a', lastHandshakeMs: nowMs }];
      },
      received: () => nowMs,
      confirmed: () => undefined,
      known: new Map(),
      failed: () => undefined,
      hurried: () => false,
      nudge: createNudge(),
      clock: {
        ...clock,
        monotonicMs: () => nowMs,
        sleep: (ms) => {
          slept.push(ms);
          return clock.sleep();
        },
      },
    },
    () => undefined,
    ended.signal,
  );
  await eventually(() => slept.length > 5, 1_000);
  ended.abort();
  await watching;
  expect(Math.max(...slept)).toBe(500);
  // Each was followed by a look.
  expect(nowMs).toBeGreaterThanOrEqual(2_000 * (slept.length - 1));
});

test('a nudge ends a pause of any length; one that comes during a look is for the next pause', async () => {
  const ended = new AbortController();
  const nudge = createNudge();
  let [looks, slept] = [0, 0];
  const watching = watchHandshakes(
    {
      peers: async () => {
        looks += 1;
        return [];
      },
      received: () => looks,
      confirmed: () => undefined,
      known: new Map(),
      failed: () => undefined,
      hurried: () => true,
      nudge,
      clock: {
        ...realClock,
        sleep: (_, signal) => {
          slept += 1;
          return new Promise((resolve) => signal?.addEventListener('abort', () => resolve()));
        },
      },
    },
    () => undefined,
    ended.signal,
  );
  await eventually(() => slept === 1, 1_000);
  expect(looks).toBe(0);
  nudge.now();
  await eventually(() => looks === 1 && slept === 2, 1_000);
  nudge.now();
  nudge.now();
  await eventually(() => looks === 3 && slept === 4, 1_000);
  ended.abort();
  await watching;
});

test('a nudge that comes during a look after a pause that was over by itself is for the next pause', async () => {
  const ended = new AbortController();
  const nudge = createNudge();
  const sleeps: (() => void)[] = [];
  let looks = 0;
  let look: () => void = () => undefined;
  const watching = watchHandshakes(
    {
      peers: async () => {
        looks += 1;
        if (looks === 1)
          await new Promise<void>((resolve) => {
            look = resolve;
          });
        return [];
      },
      // Nobody is waited for any more, and nothing moves: a nudge alone is a reason.
      received: () => 1,
      confirmed: () => undefined,
      known: new Map(),
      failed: () => undefined,
      hurried: () => false,
      nudge,
      clock: {
        ...realClock,
        sleep: (_, signal) =>
          new Promise((resolve) => {
            sleeps.push(resolve);
            signal?.addEventListener('abort', () => resolve());
          }),
      },
    },
    () => undefined,
    ended.signal,
  );
  await eventually(() => sleeps.length === 1, 1_000);
  sleeps[0]?.();
  await eventually(() => looks === 1, 1_000);
  nudge.now();
  look();
  await eventually(() => looks === 2, 1_000);
  ended.abort();
  await watching;
});
