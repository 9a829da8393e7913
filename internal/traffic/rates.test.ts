import { expect, test } from 'vitest';
import { createHandshakeCount } from './handshake-count.ts';
import { createRates, idle } from './rates.ts';

const moved = (tunnelId: string, upBytes: number, downBytes: number) => ({ tunnelId, upBytes, downBytes });

test('rates are what came between two tales; the busiest in both directions stand first', () => {
  const rates = createRates();
  // Since when the first was carried nobody knows.
  rates.take([moved('a', 1e9, 0)], 50_000);
  expect(rates.now(50_000)).toBe(idle);
  rates.take([moved('a', 10_000, 0), moved('b', 5_000, 15_000), moved('a', 0, 5_000)], 60_000);
  const now = rates.now(61_000);
  expect(now).toEqual({
    upBytesPerSecond: 1_500n,
    downBytesPerSecond: 2_000n,
    busiest: [
      { tunnelId: 'b', upBytesPerSecond: 500n, downBytesPerSecond: 1_500n },
      { tunnelId: 'a', upBytesPerSecond: 1_000n, downBytesPerSecond: 500n },
    ],
  });
  // The mesh tells it again when it is another value.
  expect(rates.now(79_000)).toBe(now);
  expect(rates.now(80_001)).toEqual(idle);
});

test('after a silence, what comes then came lately; a tale at once does not make it much', () => {
  const rates = createRates();
  rates.take([], 0);
  rates.take([moved('a', 20_000, 0)], 3_600_000);
  expect(rates.now(3_600_000).upBytesPerSecond).toBe(1_000n);
  rates.take([moved('a', 100, 0)], 3_600_001);
  expect(rates.now(3_600_001).upBytesPerSecond).toBe(100n);
});

test('no more than 50 are told of, and they are the busiest', () => {
  const rates = createRates();
  rates.take([], 0);
  rates.take(
    Array.from({ length: 500 }, (_, n) => moved(`t${n}`, 10 * n, 0)),
    10_000,
  );
  const { busiest } = rates.now(10_000);
  expect(busiest).toHaveLength(50);
  expect(busiest.map(({ tunnelId }) => tunnelId)).toEqual(Array.from({ length: 50 }, (_, at) => `t${499 - at}`));
});

test('handshakes are counted once, for a minute', () => {
  const count = createHandshakeCount();
  const nowMs = 1_000_000_000;
  count.take([nowMs - 3_600_000, nowMs - 10, nowMs - 5], nowMs);
  expect(count.perMinute(nowMs)).toBe(2);
  // All that is known is told again to a network half that comes back.
  count.take([nowMs - 3_600_000, nowMs - 10, nowMs - 5, nowMs + 1_500], nowMs + 2_000);
  expect(count.perMinute(nowMs + 2_000)).toBe(3);
  expect(count.perMinute(nowMs + 60_500)).toBe(1);
  expect(count.perMinute(nowMs + 70_000)).toBe(0);
});

test('a clock that is set back, or is ahead, does not end the count', () => {
  const count = createHandshakeCount();
  count.take([2_000_000_500], 2_000_001_000);
  count.take([1_000_000_500, 9_000_000_000], 1_000_001_000);
  expect(count.perMinute(1_000_001_000)).toBe(0);
  count.take([1_000_002_500], 1_000_003_000);
  expect(count.perMinute(1_000_003_000)).toBe(1);
});
