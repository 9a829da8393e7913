import { expect, test } from 'vitest';
import { createLimit } from './limit.ts';

test('a source is heard 40 times at once, and again after a while; others meanwhile [S6]', () => {
  const heard = createLimit();
  const tries = (address: string, count: number, nowMs: number): number =>
    Array.from({ length: count }, () => heard(address, nowMs)).filter(Boolean).length;
  expect(tries('198.18.1.9', 100, 1_000_000)).toBe(40);
  expect(tries('::ffff:198.18.1.9', 1, 1_000_000)).toBe(0);
  // A /64 is one source, whatever its hosts are called.
  expect(tries('2001:db8:1:2::1', 30, 1_000_000) + tries('2001:db8:1:2:aaaa::2', 30, 1_000_000)).toBe(40);
  expect(tries('198.18.1.9', 100, 1_000_000 + 30_000)).toBe(20);
});

test('all together are heard 120 times at once, and what is remembered of them is bounded [S6]', () => {
  const heard = createLimit();
  let count = 0;
  for (let at = 0; at < 5_000; at += 1) if (heard(`198.18.${at >> 8}.${at & 255}`, 1_000_000)) count += 1;
  expect(count).toBe(120);
  expect(heard('198.18.0.1', 1_000_000 + 60_000)).toBe(true);
});
