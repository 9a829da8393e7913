import { expect, test } from 'vitest';
import { createPace } from './pace.ts';

const call = (calledMs: number, tries = 1, rttMs = 1) => ({ calledMs, tries, rttMs });

test('gaps double from 100 ms, or twice the way there and back, to 1.6 s [N7]', () => {
  const pace = createPace();
  const gaps = (rttMs: number) => [1, 2, 3, 4, 5, 6, 7].map((tries) => pace.gapAfter(call(0, tries, rttMs)));
  expect(gaps(0)).toEqual([100, 200, 400, 800, 1_600, 1_600, 1_600]);
  expect(gaps(150)).toEqual([300, 600, 1_200, 1_600, 1_600, 1_600, 1_600]);
});

test('what answers wait beyond their way makes gaps longer by twice as much, and never by more than the longest gap', () => {
  const pace = createPace();
  for (let n = 0; n < 50; n += 1) pace.answered(call(0, 1, 600), 720);
  expect(pace.gapAfter(call(0))).toBeCloseTo(340, 0);
  for (let n = 0; n < 50; n += 1) pace.answered(call(0), 3_600_000);
  expect(pace.gapAfter(call(0, 6))).toBeCloseTo(3_200, 0);
  for (let n = 0; n < 50; n += 1) pace.answered(call(0), 1);
  expect(pace.gapAfter(call(0))).toBeCloseTo(100, 0);
});

test('a way that is not known is no queue, and a queue is over where nobody answers any more', () => {
  const far = createPace();
  for (let n = 0; n < 50; n += 1) far.answered(call(0, 1, 0), 300);
  expect(far.gapAfter(call(0))).toBe(100);
  for (let n = 0; n < 50; n += 1) far.answered(call(0, 1, 0), 500);
  expect(far.gapAfter(call(0))).toBeCloseTo(500, 0);
  for (let n = 0; n < 100; n += 1) far.silent(call(0));
  expect(far.gapAfter(call(0))).toBeCloseTo(100, 0);
  expect(far.window()).toBeGreaterThan(24);
});

test('who was called twice tells nothing', () => {
  const pace = createPace();
  pace.answered(call(0, 2), 5_000);
  expect([pace.window(), pace.gapAfter(call(0))]).toEqual([24, 100]);
});

test('more are open while answers come at once or not at all, and fewer while they wait', () => {
  const pace = createPace();
  for (let n = 0; n < 200; n += 1) pace.answered(call(0), 1);
  expect(pace.window()).toBe(100);
  for (let n = 0; n < 200; n += 1) pace.answered(call(0), 400);
  expect(pace.window()).toBe(24);
  const away = createPace();
  for (let n = 0; n < 40; n += 1) for (const tries of [1, 2, 3]) away.silent(call(0, tries));
  expect(away.window()).toBe(64);
});
