import { expect, test } from 'vitest';
import { bytesText } from './bytes.ts';

test.each([
  [0n, '0'],
  [999n, '999 B'],
  [1_500n, '1.50 kB'],
  [99_960n, '100 kB'],
  [999_499n, '999 kB'],
  [999_600n, '1.00 MB'],
  [12_345_678n, '12.3 MB'],
  [123_456_789_012n, '123 GB'],
  [5_000_000_000_000_000_000n, '5000 PB'],
])('%s bytes are %s', (count, text) => {
  expect(bytesText(count)).toBe(text);
});
