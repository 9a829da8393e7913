import fc from 'fast-check';
import { expect, test } from 'vitest';
import { rate, rateText } from './rate.ts';

test.each([
  ['10M', 10_000_000n],
  ['1500k', 1_500_000n],
  ['64K', 64_000n],
  ['2G', 2_000_000_000n],
  ['64000', 64_000n],
  ['0', 0n],
  ['unlimited', 0n],
])('%s is %s', (text, bits) => {
  expect(rate(text)).toBe(bits);
});

test.each(['', '-1', '1.5M', '10m', '10Mbit', 'M', ' 1', '1e6', '٣'])('%j is no rate', (text) => {
  expect(() => rate(text)).toThrow('a rate in bits a second');
});

test('what is shown is read as the same', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 100_000_000_000n), (bits) => {
      expect(rate(rateText(bits))).toBe(bits);
    }),
  );
  expect([rateText(10_000_000n), rateText(1_500_000n), rateText(0n), rateText(0n, 'not known')]).toEqual([
    '10M',
    '1500k',
    'unlimited',
    'not known',
  ]);
});
