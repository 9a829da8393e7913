import { expect, test } from 'vitest';
import type { Clock } from '#internal/clock/clock.ts';
import { type BfdState, createLinkWatch, type LinkState } from './links.ts';

const both = (dev: string, four: string, six: string): readonly BfdState[] => [
  { address: '172.30.0.1', dev, state: four },
  { address: 'fd44:0:0:1::1', dev, state: six },
];

/** Looks, one after the other; an Error is one that failed. */
async function watched(looks: readonly (readonly BfdState[] | Error)[], hurries = false) {
  const slept: number[] = [];
  const told: (readonly LinkState[])[] = [];
  const failures: unknown[] = [];
  const stop = new AbortController();
  let at = 0;
  const watch = createLinkWatch({
    sessions: async () => {
      const look = looks[at] ?? [];
      at += 1;
      if (at === looks.length) stop.abort();
      if (look instanceof Error) throw look;
      return look;
    },
    tell: (links) => told.push(links),
    failed: (cause) => failures.push(cause),
    hurry: () => hurries,
    clock: { sleep: async (ms: number) => void slept.push(ms) } as unknown as Clock,
  });
  await watch.run(stop.signal);
  return { told, failures, slept, all: watch.all() };
}

test('a link is up while one family is, and lost when none is; who changes nothing is not told', async () => {
  const { told, all } = await watched([
    both('p44i-p1-p2', 'Up', 'Up'),
    both('p44i-p1-p2', 'Up', 'Up'),
    both('p44i-p1-p2', 'Down', 'Up'),
    both('p44i-p1-p2', 'Down', 'Init'),
    both('p44i-p1-p2', 'Up', 'Init'),
    // BIRD is gone.
    [],
  ]);
  expect(told).toEqual([
    [['p44i-p1-p2', true, 0]],
    [['p44i-p1-p2', false, 1]],
    [['p44i-p1-p2', true, 1]],
    [['p44i-p1-p2', false, 2]],
  ]);
  expect(all).toEqual([['p44i-p1-p2', false, 2]]);
});

test('sessions of upstreams and of siblings are no interconnects', async () => {
  expect((await watched([both('uplink', 'Up', 'Up'), both('heartbeat', 'Up', 'Up')])).told).toEqual([]);
});

test('what cannot be read is told once, and is no loss', async () => {
  const up = both('p44j-p1-p2', 'Up', 'Up');
  const { told, failures } = await watched([up, new Error('silent'), new Error('silent'), up]);
  expect(told).toEqual([[['p44j-p1-p2', true, 0]]]);
  expect(failures).toHaveLength(1);
});

test('four times a second are enough, and 20 where somebody is served sooner for it', async () => {
  expect((await watched([[], []])).slept).toEqual([250, 250]);
  expect((await watched([[], []], true)).slept).toEqual([50, 50]);
});
