import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressFrom, type Family, type IpAddress, parseAddress } from './address.ts';
import { contains, hostPrefix, prefixFrom, prefixLength } from './prefix.ts';
import { longestOf } from './within.ts';

test('gives the longest of the prefixes around an address, as a look at each of them does', () => {
  // Few addresses, so that they meet.
  const address = fc
    .tuple(fc.constantFrom<Family>(4, 6), fc.nat(255))
    .map(([family, n]): IpAddress => addressFrom(family, BigInt(n)));
  const prefix = fc
    .tuple(fc.constantFrom<Family>(4, 6), fc.nat(255), fc.integer({ min: 0, max: 8 }))
    .map(([family, n, short]) => prefixFrom(family, BigInt(n), (family === 4 ? 32 : 128) - short));
  fc.assert(
    fc.property(fc.array(prefix), address, (prefixes, at) => {
      const around = prefixes.filter((each) => contains(each, hostPrefix(at)));
      const longest = Math.max(...around.map(prefixLength));
      expect(longestOf(prefixes)(at)).toBe(around.find((each) => prefixLength(each) === longest));
    }),
  );
  expect(longestOf([])(parseAddress('44.31.0.7') as IpAddress)).toBeUndefined();
});
