import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createTripReader } from './round-trips.ts';

/** Time that passes as fast as it is slept. */
function fastClock() {
  const clock = {
    ...realClock,
    nowMs: 1_000_000,
    monotonicMs: () => clock.nowMs,
    sleep: async (ms: number) => {
      await new Promise((resolve) => setImmediate(resolve));
      clock.nowMs += ms;
    },
  };
  return clock;
}

test('round trips are read at once, then each 10 s at most, for all that shook hands meanwhile', async () => {
  const clock = fastClock();
  const reads: (readonly [number, readonly string[]])[] = [];
  const shook = createTripReader(
    {
      read: async () => new Map(),
      measured: (peers) => reads.push([clock.nowMs - 1_000_000, [...peers]]),
      failed: (cause) => {
        throw cause;
      },
      clock,
    },
    new AbortController().signal,
  );
  shook([]);
  shook(['a']);
  await eventually(() => reads.length === 1, 2_000);
  shook(['b']);
  shook(['b', 'c']);
  await eventually(() => reads.length === 2, 2_000);
  expect(reads).toEqual([
    [0, ['a']],
    [10_000, ['b', 'c']],
  ]);
});

test('a reading that fails is told, and the next one is tried', async () => {
  let left = 1;
  const told: string[] = [];
  const shook = createTripReader(
    {
      read: async () => {
        left -= 1;
        if (left === 0) throw new Error('no nft');
        return new Map();
      },
      measured: (peers) => told.push([...peers].join()),
      failed: (cause) => told.push(String(cause)),
      clock: fastClock(),
    },
    new AbortController().signal,
  );
  shook(['a']);
  await eventually(() => told.length === 1, 2_000);
  shook(['b']);
  await eventually(() => told.length === 2, 2_000);
  expect(told).toEqual(['Error: no nft', 'b']);
});
