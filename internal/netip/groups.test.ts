import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, test } from 'vitest';
import { groupsHex, hasNoHost, newGroups, readGroups, sameStart } from './groups.ts';
import { contains, firstHex, parsePrefix, type Prefix } from './netip.ts';

const group = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff }));
const address = fc.array(group, { minLength: 8, maxLength: 8 });
const canonical = (groups: readonly number[]): string => new ipaddr.IPv6([...groups]).toRFC5952String();
const numberOf = (groups: Iterable<number>): bigint =>
  [...groups].reduce((sum, each) => (sum << 16n) | BigInt(each), 0n);
const isMapped = (groups: readonly number[]): boolean => new ipaddr.IPv6([...groups]).isIPv4MappedAddress();

/** Texts near to addresses, of which few are canonical. */
const near = fc.oneof(
  address.map(canonical),
  address.map((groups) => groups.map((each) => each.toString(16)).join(':')),
  address.map((groups) => groups.map((each) => each.toString(16).padStart(4, '0')).join(':')),
  fc.stringMatching(/^[0-9a-fA-F:.%]{0,20}$/),
  fc.stringMatching(/^([0-9a-f]{0,4}:){0,8}[0-9a-f]{0,4}$/),
);

test('what is read is canonical, and is what the library reads', () => {
  const groups = newGroups();
  fc.assert(
    fc.property(near, (text) => {
      if (!readGroups(text, text.length, groups)) return;
      expect([...groups]).toEqual(ipaddr.IPv6.parse(text).parts);
      expect(canonical([...groups])).toBe(text);
      expect(isMapped([...groups])).toBe(false);
    }),
    { numRuns: 5_000 },
  );
});

test('nearly every address is read: all but mapped ones and those with two runs of zeros', () => {
  const groups = newGroups();
  for (const text of [
    '::',
    '::1',
    '1::',
    '2001:db8::',
    '2001:db8:44:7::',
    'fd44::1:0:2',
    '1:2:3:4:5:6:7:8',
    '0:1:2:3:4:5:6:7',
  ])
    expect([text, readGroups(text, text.length, groups)]).toEqual([text, true]);
  for (const text of [
    '',
    ':',
    ':::',
    '1',
    '1:',
    '::1:',
    '1::2::3',
    '1:0:0:2::',
    '::ffff:1:2',
    '01::',
    '1::0',
    'A::',
    '12345::',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::',
  ])
    expect([text, readGroups(text, text.length, groups)]).toEqual([text, false]);
});

test('prefixes are judged, spelled and compared as their numbers are', () => {
  const length = fc.integer({ min: 0, max: 128 });
  fc.assert(
    fc.property(address, address, fc.tuple(length, length), fc.boolean(), (one, other, [a, b], near) => {
      const cut = (groups: readonly number[], bits: number): readonly number[] => {
        const number = (numberOf(groups) >> BigInt(128 - bits)) << BigInt(128 - bits);
        return Array.from({ length: 8 }, (_, at) => Number((number >> BigInt(112 - 16 * at)) & 0xffffn));
      };
      const first = cut(one, a);
      const second = cut(near ? one : other, b);
      fc.pre(!isMapped(first) && !isMapped(second) && !isMapped(one));
      const [outer, inner] = [`${canonical(first)}/${a}`, `${canonical(second)}/${b}`];
      expect(parsePrefix(outer)).toBe(outer);
      expect(typeof parsePrefix(`${canonical(one)}/${a}`)).toBe(
        numberOf(one) === numberOf(first) ? 'string' : 'object',
      );
      expect(firstHex(outer as Prefix)).toBe(numberOf(first).toString(16).padStart(32, '0'));
      const holds = a <= b && numberOf(first) >> BigInt(128 - a) === numberOf(second) >> BigInt(128 - a);
      expect(contains(outer as Prefix, inner as Prefix)).toBe(holds);
    }),
    { numRuns: 5_000 },
  );
});

test('bits of a group are counted from its highest', () => {
  const groups = Uint16Array.from([0x2001, 0xdb8, 0x8000, 0, 0, 0, 0, 0]);
  expect([33, 32, 128, 0].map((length) => hasNoHost(groups, length))).toEqual([true, false, true, false]);
  const other = Uint16Array.from([0x2001, 0xdb8, 0xc000, 0, 0, 0, 0, 0]);
  expect([33, 34, 0].map((length) => sameStart(groups, other, length))).toEqual([true, false, true]);
  expect(groupsHex(other)).toBe('20010db8c00000000000000000000000');
});
