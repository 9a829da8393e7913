import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { watchCounters } from './counters.ts';

const peer = (publicKey: string, rxBytes: number, txBytes: number) => ({
  link: 'p44w0',
  publicKey,
  rxBytes,
  txBytes,
});
const settled = () => new Promise((resolve) => setImmediate(resolve));

test('only peers that moved are told, at most once a while, and all of them to whoever comes [P4]', async () => {
  const sleepers: (() => void)[] = [];
  const clock = { ...realClock, sleep: () => new Promise<void>((resolve) => sleepers.push(resolve)) };
  const told: (readonly unknown[])[] = [];
  const watch = watchCounters(clock, (moved) => told.push(moved), new AbortController().signal);
  watch.look([peer('a', 1, 2), peer('idle', 0, 0), peer('b', 5, 5)]);
  watch.look([peer('a', 3, 4), peer('idle', 0, 0), peer('b', 5, 5)]);
  expect([told.length, sleepers.length]).toEqual([0, 1]);
  sleepers.pop()?.();
  await settled();
  expect(told).toEqual([
    [
      ['a', 3, 4, 'p44w0'],
      ['b', 5, 5, 'p44w0'],
    ],
  ]);
  watch.look([peer('a', 3, 4), peer('idle', 0, 0), peer('b', 5, 5)]);
  expect(sleepers).toEqual([]);
  // The interface is a new one: its counters begin again.
  watch.look([peer('b', 0, 0), peer('a', 1, 0)]);
  sleepers.pop()?.();
  await settled();
  expect(told.slice(1)).toEqual([
    [
      ['b', 0, 0, 'p44w0'],
      ['a', 1, 0, 'p44w0'],
    ],
  ]);
  watch.look([peer('a', 1, 0)]);
  expect(watch.all()).toEqual([['a', 1, 0, 'p44w0']]);
});

test('a peer that goes before it is told is told with what it had [P4]', async () => {
  const sleepers: (() => void)[] = [];
  const clock = { ...realClock, sleep: () => new Promise<void>((resolve) => sleepers.push(resolve)) };
  const told: (readonly unknown[])[] = [];
  const watch = watchCounters(clock, (moved) => told.push(moved), new AbortController().signal);
  watch.look([peer('old', 700, 70), peer('next', 0, 0)]);
  watch.look([peer('next', 1, 1)]);
  expect(watch.all()).toEqual([['next', 1, 1, 'p44w0']]);
  sleepers.pop()?.();
  await settled();
  expect(told).toEqual([
    [
      ['old', 700, 70, 'p44w0'],
      ['next', 1, 1, 'p44w0'],
    ],
  ]);
});
