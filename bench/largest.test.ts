import { expect, test } from 'vitest';
import fc from 'fast-check';
import { largest } from './largest.ts';

const upTo = (limit: number) => async (n: number) => n <= limit;

test('what is carried is found within the wanted nearness, and never more than is carried', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 10, max: 5_000 }), fc.integer({ min: 1, max: 2_000 }), async (limit, first) => {
      const found = await largest({ first, most: 5_000, growth: 2, tries: 40, within: 0.05 }, upTo(limit));
      expect(found).toBeLessThanOrEqual(limit);
      expect(found).toBeGreaterThanOrEqual(Math.floor(limit / 1.05) - 1);
    }),
  );
});

test('all of it, nothing, and no more tries than allowed', async () => {
  const search = { first: 100, most: 1_000, growth: 1.5, tries: 20, within: 0.05 };
  expect(await largest(search, upTo(1_000))).toBe(1_000);
  expect(await largest(search, upTo(0))).toBe(0);
  const tried: number[] = [];
  await largest({ ...search, tries: 3 }, async (n) => tried.push(n) > 0 && n <= 650);
  expect(tried).toEqual([100, 150, 225]);
});
