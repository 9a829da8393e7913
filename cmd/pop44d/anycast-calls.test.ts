import { expect, test } from 'vitest';
import type { Whereabout as Held } from '#internal/anycast/anycast.ts';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createAnycastCalls } from './anycast-calls.ts';

const client = (n: number): Held => ({
  ...{ peer: `p44w0 ${n}`, endpoint: `198.18.90.2:${n}`, rttMs: 0, nodeId: 'p2', handshakeMs: n },
});
const clients = (from: number, to: number): readonly Held[] =>
  Array.from({ length: to - from }, (_, at) => client(from + at));
const gone: ReadonlySet<string> = new Set(['p2']);
const nobody: ReadonlySet<string> = new Set();

function calls(flows: (tunnelId: string, until: AbortSignal) => Promise<readonly Flow[]> = async () => []) {
  const called: (readonly string[])[] = [];
  const left = new Set<string>();
  let nowMs = 0;
  const clock: Clock = { ...realClock, monotonicMs: () => nowMs };
  const made = createAnycastCalls(
    {
      ...{ clock, log: { info: () => undefined }, ahead: () => undefined },
      tunnelOf: ({ peer }) => peer,
      stays: ({ peer }) => !left.has(peer),
      flows: (_, tunnelId, until) => flows(tunnelId, until),
      call: (those) => called.push(those.map(({ peer }) => peer)),
    },
    new AbortController().signal,
  );
  return {
    ...{ made, called, left },
    later: (ms: number) => {
      nowMs += ms;
    },
    /** Whom the last message called, by number. */
    last: () => called.at(-1)?.map((peer) => Number(peer.split(' ')[1])) ?? [],
  };
}

test('no more than can be called are, in one message; others when there is room again [N8]', () => {
  const { made, called, last } = calls();
  made.take(clients(0, 400), gone);
  expect([called.length, last().length]).toEqual([1, 256]);
  made.take(clients(0, 400), gone);
  expect(called).toHaveLength(1);
  for (const { peer } of clients(0, 100)) expect(made.answered(peer)?.peer).toBe(peer);
  made.take(clients(100, 400), gone);
  expect([called.length, last()]).toEqual([2, clients(256, 356).map(({ handshakeMs }) => handshakeMs)]);
});

test('those that do not come leave room for those that do; who was called in vain waits for the others [N8]', () => {
  const { made, last, later } = calls();
  made.takeIdle(clients(0, 300), gone);
  // The last that shook hands first.
  expect([last().length, last()[0], last().at(-1)]).toEqual([128, 299, 172]);
  made.take([client(400)], gone);
  expect(last()).toEqual([400]);
  later(10_000);
  expect(made.expire()).toHaveLength(129);
  made.takeIdle(clients(0, 300), gone);
  expect([last()[0], last().at(-1)]).toEqual([171, 44]);
  later(10_000);
  made.expire();
  made.takeIdle(clients(0, 300), gone);
  // All that are left, and then those that were called first.
  expect([last().length, last()[0], last()[43], last()[44]]).toEqual([128, 43, 0, 299]);
});

test('flows that do not come in time are not waited for, and nobody goes on asking for them', async () => {
  const asked: AbortSignal[] = [];
  const { made, called, left } = calls((_, until) => {
    asked.push(until);
    return new Promise(() => undefined);
  });
  made.take(clients(0, 3), nobody);
  expect([asked.length, called.length]).toEqual([3, 0]);
  left.add(client(1).peer);
  await eventually(() => called.length > 0, 5_000);
  expect(called).toEqual([[client(0).peer, client(2).peer]]);
  expect(asked.map(({ aborted }) => aborted)).toEqual([true, true, true]);
});

test('who was called because its holder seemed gone is called anew when it dies in truth; who shook hands stays [N8]', () => {
  const { made, called, last } = calls();
  made.take(clients(0, 3), gone);
  made.answered(client(0).peer);
  // Seen by links, before any call has ended.
  expect(made.revived(() => gone)).toEqual([]);
  expect(made.revived(() => nobody).map(({ handshakeMs }) => handshakeMs)).toEqual([1, 2]);
  expect(made.revived(() => nobody)).toEqual([]);
  made.take(clients(1, 3), gone);
  expect([called.length, last()]).toEqual([2, [1, 2]]);
});
