import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aheadOfMedian, createClockOffset } from './clock-offset.ts';

const base = 1_700_000_000_000;

test('the estimate is wrong by at most half the shortest round trip, however unequal the two ways are [N6]', () => {
  const delay = fc.integer({ min: 0, max: 2_000 });
  fc.assert(
    fc.property(
      fc.integer({ min: -100_000, max: 100_000 }),
      fc.array(fc.tuple(delay, delay), { minLength: 1, maxLength: 8 }),
      (aheadMs, trips) => {
        const clock = createClockOffset();
        let estimate: number | undefined;
        for (const [there, back] of trips)
          estimate = clock.sample({
            sentWallMs: base + aheadMs,
            heardWallMs: base + back,
            rttMs: there + back,
          });
        const shortest = Math.min(...trips.map(([there, back]) => there + back));
        expect(Math.abs((estimate ?? Number.NaN) - aheadMs)).toBeLessThanOrEqual(shortest / 2);
      },
    ),
  );
});

test('a clock that was set anew shows after eight samples, even when an old one had the shortest round trip', () => {
  const clock = createClockOffset();
  expect(clock.sample({ sentWallMs: base, heardWallMs: base, rttMs: 0 })).toBe(0);
  const after = Array.from({ length: 8 }, () =>
    clock.sample({ sentWallMs: base + 10_000, heardWallMs: base, rttMs: 4 }),
  );
  expect(after.at(0)).toBe(0);
  expect(after.at(-1)).toBe(10_002);
});

test('one that does not tell its clock has no offset; a round trip below zero is no sample', () => {
  const clock = createClockOffset();
  expect(clock.sample({ sentWallMs: 0, heardWallMs: base, rttMs: 1 })).toBeUndefined();
  expect(clock.sample({ sentWallMs: base + 500, heardWallMs: base, rttMs: -1 })).toBeUndefined();
  expect(clock.sample({ sentWallMs: base - 40, heardWallMs: base, rttMs: 2 })).toBe(-39);
});

test.each<[string, readonly number[], number]>([
  ['alone', [], 0],
  ['of two nobody is known to be wrong', [-10_000], 0],
  ['ahead of two that agree', [-10_000, -9_990], 9_990],
  ['behind two that agree', [5_000, 5_010], -5_000],
  ['one of the others is far off', [1, 80_000], -1],
  ['in the middle', [-40, 40], 0],
  ['two of four are off together', [-9_000, -9_010, 3], 0],
])('how far a clock is ahead of the median: %s', (_, others, aheadMs) => {
  expect(aheadOfMedian(others)).toBe(aheadMs);
});
