import { expect, test } from 'vitest';
import { acknowledgedPerSecond, latencySummary, longestGapMs, seconds } from './figures.ts';
import type { Attempt, Outcome } from './history.ts';

/** An attempt that began and was answered at these milliseconds. */
const attempt = (fromMs: number, toMs: number, outcome: Outcome = 'ok', repeated = false): Attempt => ({
  ...{ request: `r${fromMs}`, client: 'c0', node: 'p1', kind: 'allocate', owner: '', asked: '', takes: [], given: [] },
  ...{ invokedNs: fromMs * 1e6, returnedNs: toMs * 1e6, outcome, revision: 7n, repeated, reason: '' },
});

const history = [
  attempt(0, 10),
  attempt(0, 20),
  attempt(0, 30, 'unknown'),
  attempt(500, 1_500),
  attempt(2_000, 2_100, 'refused'),
];

test('answers are counted in the second in which they came, latency only of what was granted', () => {
  expect(seconds(history, 0)).toEqual([
    { ok: 2, refused: 0, unknown: 1, unavailable: 0, p50: 10, p99: 20 },
    { ok: 1, refused: 0, unknown: 0, unavailable: 0, p50: 1_000, p99: 1_000 },
    { ok: 0, refused: 1, unknown: 0, unavailable: 0, p50: 0, p99: 0 },
  ]);
  expect(latencySummary(history)).toEqual({ p50: 20, p90: 1_000, p99: 1_000, worst: 1_000 });
});

test('a remembered answer is no acknowledged request of its own', () => {
  expect(acknowledgedPerSecond([...history, attempt(0, 40, 'ok', true)], 0, 2e9)).toBe(1.5);
});

test('the longest gap is between two grants, whatever came in between', () => {
  expect(longestGapMs(history)).toBe(1_480);
  expect(longestGapMs([])).toBe(0);
});
