import { expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import type { Peer } from '#internal/dataplane/dataplane.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createCaller } from './caller.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const peerOf = (publicKey: string): Peer => ({ link: 'p44w0', publicKey, allowedIps: [], keepaliveSeconds: 0 });

/** Time that passes as fast as it is slept. */
function fastClock(): Clock & { nowMs: number } {
  const clock = {
    ...realClock,
    nowMs: 0,
    monotonicMs: () => clock.nowMs,
    sleep: async (ms: number, signal?: AbortSignal) => {
      signal?.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
      clock.nowMs += ms;
    },
  };
  return clock;
}

interface Dialled {
  readonly atMs: number;
  readonly peerKey: string;
  readonly again: boolean;
}

/** `answers`: after how long a peer answers the call that was made last; never: it is away. */
function world(known: readonly string[], answers: (peerKey: string) => number | undefined, hindrance = '') {
  const clock = fastClock();
  const dialled: Dialled[] = [];
  const hungUp: string[] = [];
  const lastCall = new Map<string, number>();
  const caller = createCaller({
    dial: async (calls, again) => {
      for (const { peer } of calls) {
        dialled.push({ atMs: clock.nowMs, peerKey: peer.publicKey, again });
        lastCall.set(peer.publicKey, clock.nowMs);
      }
    },
    hangUp: async (peers) => {
      hungUp.push(...peers.map(({ publicKey }) => publicKey));
    },
    handshakes: async () =>
      known.map((peerKey) => {
        const [called, needs] = [lastCall.get(peerKey), answers(peerKey)];
        const shaken = called !== undefined && needs !== undefined && clock.nowMs - called >= needs;
        return { peerKey, lastHandshakeMs: shaken ? 1 : 0 };
      }),
    known: () => known.map((peerKey, at) => ({ peerKey, endpoint: '192.0.2.1:1', handshakeMs: 1_000 - at })),
    peerOf: (peerKey) => (peerKey === 'gone' ? undefined : peerOf(peerKey)),
    hindrance: () => hindrance,
    clock,
    log: quiet,
  });
  return { clock, caller, dialled, hungUp };
}

test('peers are called in their order, and no more when they have answered [N7]', async () => {
  const { caller, dialled, hungUp } = world(['a', 'gone', 'b'], () => 10);
  caller.begin();
  await eventually(() => hungUp.length === 2, 5_000);
  expect(dialled.map(({ peerKey, again }) => [peerKey, again])).toEqual([
    ['a', false],
    ['b', false],
  ]);
});

test('a gap that doubles reaches a peer that is farther away than the first gap [N7]', async () => {
  const { caller, dialled, hungUp } = world(['far'], () => 600);
  caller.begin();
  await eventually(() => hungUp.length === 1, 5_000);
  const times = dialled.map(({ atMs }) => atMs);
  expect(times.length).toBeGreaterThan(2);
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  for (const [at, gap] of gaps.entries()) if (at > 0) expect(gap).toBeGreaterThan(1.5 * (gaps[at - 1] ?? 0));
  expect(dialled.slice(1).every(({ again }) => again)).toBe(true);
});

test('at most 100 wait for an answer at a time, and who is away does not hold up the others [N7]', async () => {
  const keys = Array.from({ length: 250 }, (_, at) => `k${at}`);
  const { caller, dialled, hungUp } = world(keys, (key) => (Number(key.slice(1)) < 100 ? undefined : 10));
  caller.begin();
  await eventually(() => keys.slice(100).every((key) => hungUp.includes(key)), 10_000);
  const before = dialled.filter(({ peerKey }) => peerKey === 'k100')[0]?.atMs ?? 0;
  expect(new Set(dialled.filter(({ atMs }) => atMs < before).map(({ peerKey }) => peerKey)).size).toBe(100);
  // Gone clients are not called for ever.
  await eventually(() => hungUp.length === 250, 10_000);
  expect(dialled.filter(({ peerKey }) => peerKey === 'k0')).toHaveLength(6);
});

test('a node that must not call calls nobody, and one that is no longer active calls no more [N7]', async () => {
  const hindered = world(['a'], () => 10, 'its clock is ahead');
  hindered.caller.begin();
  const stopped = world(['away'], () => undefined);
  stopped.caller.begin();
  await eventually(() => stopped.dialled.length > 1, 5_000);
  stopped.caller.end();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const then = stopped.dialled.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(stopped.dialled).toHaveLength(then);
  expect(hindered.dialled).toEqual([]);
});
