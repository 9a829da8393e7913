import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressBits,
  addressFrom,
  addressNumber,
  comparePrefixes,
  contains,
  excludedSpace,
  type Family,
  familyOf,
  firstHex,
  firstNumber,
  hostPrefix,
  indexIn,
  isUnicast,
  nthSubprefix,
  overlaps,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixFrom,
  prefixFromHex,
  prefixLength,
  subprefixCount,
  supernet,
} from './netip.ts';

const seen = (answer: string | object): object => (typeof answer === 'string' ? { text: answer } : answer);

const addressCases: readonly (readonly [
  name: string,
  text: string,
  expected: string | { readonly problem: string },
])[] = [
  ['IPv4', '44.31.0.7', '44.31.0.7'],
  ['IPv4, the highest', '255.255.255.255', '255.255.255.255'],
  ['octal', '010.1.1.1', { problem: 'is not an IP address' }],
  ['hexadecimal', '0x7f.0.0.1', { problem: 'is not an IP address' }],
  ['a short form', '10.1', { problem: 'is not an IP address' }],
  ['one number', '739246087', { problem: 'is not an IP address' }],
  ['an octet too large', '44.256.0.1', { problem: 'is not an IP address' }],
  ['blanks', ' 44.31.0.7', { problem: 'is not an IP address' }],
  ['a line end', '44.31.0.7\n', { problem: 'is not an IP address' }],
  ['nothing', '', { problem: 'is not an IP address' }],
  ['RFC 5952 4.1: no leading zeros', '2001:0db8::0001', '2001:db8::1'],
  ['RFC 5952 4.2.1: as short as possible', '2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
  ['RFC 5952 4.2.2: not for one group', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['RFC 5952 4.2.3: the longest run', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['RFC 5952 4.2.3: the first of two', '2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['RFC 5952 4.3: lower case', '2001:DB8::A', '2001:db8::a'],
  ['unspecified', '0:0:0:0:0:0:0:0', '::'],
  ['a zone', 'fe80::1%eth0', { problem: 'has a zone' }],
  ['IPv4-mapped with dots', '::ffff:44.31.0.7', { problem: 'has an IPv4 address inside' }],
  ['IPv4-mapped in hexadecimal', '::ffff:2c1f:7', { problem: 'is an IPv4-mapped address' }],
  ['two gaps', '2001::db8::1', { problem: 'is not an IPv6 address' }],
  ['nine groups', '1:2:3:4:5:6:7:8:9', { problem: 'is not an IPv6 address' }],
  ['seven groups', '1:2:3:4:5:6:7', { problem: 'is not an IPv6 address' }],
  ['five digits', '2001:db8::10000', { problem: 'is not an IPv6 address' }],
  ['brackets', '[2001:db8::1]', { problem: 'is not an IPv6 address' }],
  ['a prefix', '44.31.0.0/22', { problem: 'is not an IP address' }],
];

test.each(addressCases)('an address: %s', (_name, text, expected) => {
  const parsed = parseAddress(text);
  expect(seen(parsed)).toMatchObject(seen(expected));
});

const prefixCases: readonly (readonly [name: string, text: string, expected: string | object])[] = [
  ['IPv4', '44.31.0.0/22', '44.31.0.0/22'],
  ['IPv6, made canonical', '2001:DB8:44:0::/48', '2001:db8:44::/48'],
  ['everything', '0.0.0.0/0', '0.0.0.0/0'],
  ['one address', '2001:db8::1/128', '2001:db8::1/128'],
  [
    'host bits',
    '44.31.1.0/22',
    { problem: 'has host bits', cure: 'the prefix is 44.31.0.0/22', network: '44.31.0.0/22' },
  ],
  ['host bits of IPv6', '2001:db8:44::1/48', { network: '2001:db8:44::/48' }],
  ['no length', '44.31.0.0', { problem: 'is not a prefix' }],
  ['an empty length', '44.31.0.0/', { problem: 'has no such length' }],
  ['a length with a leading zero', '44.31.0.0/08', { problem: 'has no such length' }],
  ['a length too long', '44.31.0.0/33', { problem: 'has no such length', cure: '/0 to /32' }],
  ['a length too long for IPv6', '2001:db8::/129', { cure: '/0 to /128' }],
  ['a netmask', '44.31.0.0/255.255.252.0', { problem: 'has no such length' }],
  ['two lengths', '44.31.0.0/22/22', { problem: 'is not a prefix' }],
  ['an octal address', '044.31.0.0/22', { problem: 'is not an IP address' }],
];

test.each(prefixCases)('a prefix: %s', (_name, text, expected) => {
  const parsed = parsePrefix(text);
  expect(seen(parsed)).toMatchObject(seen(expected));
});

const family = fc.constantFrom<Family>(4, 6);
const number = (of: Family): fc.Arbitrary<bigint> => fc.bigInt({ min: 0n, max: 2n ** BigInt(addressBits(of)) - 1n });
const address = family.chain((of) => number(of).map((n) => addressFrom(of, n)));
/** Many share a beginning, so that containment happens. */
const prefix = family.chain((of) =>
  fc
    .tuple(
      fc.oneof(
        number(of),
        fc.bigInt({ min: 0n, max: 255n }).map((n) => n << BigInt(addressBits(of) - 8)),
      ),
      fc.nat(addressBits(of)),
    )
    .map(([n, length]) => prefixFrom(of, n, length)),
);

describe('laws', () => {
  // ::ffff:0:0/96 is the only space whose addresses the parser does not take.
  const mapped = (text: string): boolean =>
    familyOf(text) === 6 && firstNumber(`${text}/128` as Prefix) >> 32n === 0xffffn;

  test('parse(format(x)) = x, and Node reads it as the same kind of address', () => {
    fc.assert(
      fc.property(address, (text) => {
        fc.pre(!mapped(text));
        expect(parseAddress(text)).toBe(text);
        expect(addressFrom(familyOf(text), addressNumber(text))).toBe(text);
        expect(familyOf(text) === 4 ? isIPv4(text) : isIPv6(text)).toBe(true);
      }),
    );
  });

  test('what Node does not read as an address is none here either', () => {
    const nearly = fc.array(fc.constantFrom('0', '1', '7', '255', 'f', 'db8', ':', '::', '.', '%', '/', ' '), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(nearly, (parts) => {
        const text = parts.join('');
        expect(typeof parseAddress(text) !== 'string' || isIPv4(text) || isIPv6(text)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test('a prefix is found again by its text, and by its hexadecimal and length', () => {
    fc.assert(
      fc.property(prefix, (p) => {
        fc.pre(!mapped(p.slice(0, p.indexOf('/'))));
        expect(parsePrefix(p)).toBe(p);
        expect(prefixFromHex(firstHex(p), prefixLength(p))).toBe(p);
        expect(firstHex(p)).toHaveLength(addressBits(familyOf(p)) / 4);
      }),
    );
  });

  test('contains and overlaps agree with counting addresses', () => {
    const range = (p: Prefix): readonly [bigint, bigint] => {
      const first = firstNumber(p);
      return [first, first + 2n ** BigInt(addressBits(familyOf(p)) - prefixLength(p)) - 1n];
    };
    fc.assert(
      fc.property(prefix, prefix, (a, b) => {
        const [[a1, a2], [b1, b2]] = [range(a), range(b)];
        const same = familyOf(a) === familyOf(b);
        expect(contains(a, b)).toBe(same && a1 <= b1 && b2 <= a2);
        expect(overlaps(a, b)).toBe(same && a1 <= b2 && b1 <= a2);
      }),
      { numRuns: 300 },
    );
  });

  test('a subprefix lies in its prefix, at its number', () => {
    fc.assert(
      fc.property(prefix, fc.nat(20), fc.bigInt({ min: 0n, max: 2n ** 64n }), (p, more, n) => {
        const length = Math.min(addressBits(familyOf(p)), prefixLength(p) + more);
        const at = n % subprefixCount(p, length);
        const sub = nthSubprefix(p, length, at);
        expect(contains(p, sub)).toBe(true);
        expect(indexIn(p, sub)).toBe(at);
        expect(supernet(sub, prefixLength(p))).toBe(p);
      }),
    );
  });

  test('the order is total, and of one family it is that of first address and length', () => {
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 12 }), (list) => {
        const sorted = list.toSorted(comparePrefixes);
        expect(list.toReversed().toSorted(comparePrefixes)).toEqual(sorted);
        const keys = sorted.map((p) => `${familyOf(p)} ${firstHex(p)} ${String(prefixLength(p)).padStart(3, '0')}`);
        expect(keys).toEqual(keys.toSorted());
      }),
    );
  });
});

test('hexadecimal that is no prefix is none', () => {
  expect(prefixFromHex('2c1f0000', 22)).toBe('44.31.0.0/22');
  expect(prefixFromHex('2c1f0001', 22)).toBeUndefined();
  expect(prefixFromHex('2C1F0000', 22)).toBeUndefined();
  expect(prefixFromHex('2c1f00', 22)).toBeUndefined();
  expect(prefixFromHex('2c1f0000', 33)).toBeUndefined();
  expect(prefixFromHex('2c1f0000', Number.NaN)).toBeUndefined();
});

test('beyond the space there is nothing', () => {
  expect(() => addressFrom(4, 2n ** 32n)).toThrow(RangeError);
  expect(() => addressFrom(6, -1n)).toThrow(RangeError);
  expect(() => nthSubprefix('44.31.0.0/22' as Prefix, 24, 4n)).toThrow(RangeError);
  expect(subprefixCount('44.31.0.0/22' as Prefix, 21)).toBe(0n);
});

const unicastCases: readonly (readonly [string, boolean])[] = [
  ['44.31.0.7', true],
  ['10.0.0.1', true],
  ['100.64.0.1', true],
  ['fd44::1', true],
  ['2001:db8::1', true],
  ['0.0.0.0', false],
  ['0.1.2.3', false],
  ['127.0.0.1', false],
  ['169.254.1.1', false],
  ['224.0.0.5', false],
  ['240.0.0.1', false],
  ['255.255.255.255', false],
  ['::', false],
  ['::1', false],
  ['fe80::1', false],
  ['ff02::5', false],
];

test.each(unicastCases)('%s is an address of one machine: %s', (text, expected) => {
  const parsed = parseAddress(text);
  expect(typeof parsed === 'string' && isUnicast(parsed)).toBe(expected);
});

const excludedCases: readonly (readonly [prefix: string, source: string | undefined, inLab: string | undefined])[] = [
  ['44.31.0.0/22', undefined, undefined],
  ['44.128.0.0/10', undefined, undefined],
  ['2a01:4f8::/32', undefined, undefined],
  ['44.192.0.0/10', 'ARDC', 'ARDC'],
  ['44.224.0.0/24', 'ARDC', 'ARDC'],
  ['44.0.0.0/8', 'ARDC', 'ARDC'],
  ['10.44.0.0/16', 'RFC 1918', 'RFC 1918'],
  ['172.30.0.0/16', 'RFC 1918', 'RFC 1918'],
  ['192.168.0.0/24', 'RFC 1918', 'RFC 1918'],
  ['100.64.0.0/16', 'RFC 6598', 'RFC 6598'],
  ['224.0.0.0/8', 'RFC 5771', 'RFC 5771'],
  ['ff00::/20', 'RFC 4291', 'RFC 4291'],
  ['fd44::/48', 'RFC 4193', 'RFC 4193'],
  ['2002:2c1f::/32', 'RFC 3056', 'RFC 3056'],
  ['4000::/20', 'RFC 4291', 'RFC 4291'],
  ['192.0.2.0/24', 'RFC 5737', undefined],
  ['198.18.0.0/16', 'RFC 2544', undefined],
  ['2001:db8:44::/48', 'RFC 3849', undefined],
  ['3fff:44::/48', 'RFC 9637', undefined],
];

test.each(excludedCases)('%s is excluded by %s, with documentation allowed by %s', (text, source, inLab) => {
  const p = text as Prefix;
  expect(excludedSpace(p, { documentation: false })?.source).toBe(source);
  expect(excludedSpace(p, { documentation: true })?.source).toBe(inLab);
});

test('a host prefix is the whole address', () => {
  expect(hostPrefix(addressFrom(4, 0x2c1f0007n))).toBe('44.31.0.7/32');
  expect(hostPrefix(addressFrom(6, 1n))).toBe('::1/128');
});
