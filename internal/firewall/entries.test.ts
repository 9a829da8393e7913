import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  contains,
  familyOf,
  hostPrefix,
  parseAddress,
  type Prefix,
  parsePrefix,
  prefixFrom,
} from '#internal/netip/netip.ts';
import { entriesOf, type Family, portBlockSizes, type Rule, sourceLengths } from './firewall.ts';
import { portBlocks } from './port-blocks.ts';
import { sourceBlocks } from './source-blocks.ts';

interface Packet {
  readonly protocol: number;
  readonly port: number;
  readonly from: Prefix;
}

const hasPorts = (protocol: number): boolean => protocol === 6 || protocol === 17;

/** What people take the rules for. */
const plainly = (rules: readonly Rule[], family: Family, packet: Packet): boolean =>
  rules.some(({ protocol, firstPort, lastPort, source }) => {
    const meant = protocol === 1 && family === 6 ? 58 : protocol;
    if (meant !== packet.protocol) return false;
    if (source !== undefined && !contains(source, packet.from)) return false;
    return firstPort === 0 || (packet.port >= firstPort && packet.port <= lastPort);
  });

/** What the chains of the pop namespace do with the entries (desired/nft-policy.ts), on paper. */
function byEntries(rules: readonly Rule[], family: Family, packet: Packet): boolean {
  const { protocols, ports, sources } = entriesOf(rules, family);
  const admitted = (group: number): boolean =>
    protocols.some((entry) => entry.group === group && entry.protocol === packet.protocol) ||
    (hasPorts(packet.protocol) &&
      portBlockSizes.some((size) =>
        ports.some(
          (entry) =>
            entry.group === group &&
            entry.protocol === packet.protocol &&
            entry.size === size &&
            entry.first === (packet.port & (0x1_0000 - size)),
        ),
      ));
  if (admitted(0)) return true;
  for (const length of sourceLengths[family].toReversed()) {
    const found = sources.find(({ block }) => block.endsWith(`/${length}`) && contains(block, packet.from));
    // The first block found ends the search.
    if (found !== undefined) return admitted(found.group);
  }
  return false;
}

// Few addresses, so that sources lie in each other and packets come from them; 4 bits vary at each end.
const number4 = fc.tuple(
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: 15 }),
  fc.integer({ min: 0, max: 255 }),
);
const prefix4 = fc
  .tuple(number4, fc.constantFrom(0, 8, 9, 13, 20, 22, 23, 24, 25, 27, 28, 30, 32))
  .map(([[a, b, c], length]) => prefixFrom(4, BigInt(0xcb007000 + a * 256 + b * 16 + (c & 15)), length));
const prefix6 = fc
  .tuple(number4, fc.constantFrom(0, 16, 19, 33, 46, 48, 57, 63, 64, 128))
  .map(([[a, b, c], length]) =>
    prefixFrom(6, (0x20010db8n << 96n) | (BigInt(a) << 80n) | (BigInt(b) << 64n) | BigInt(c), length),
  );
const port = fc.oneof(fc.integer({ min: 1, max: 65_535 }), fc.constantFrom(1, 3, 4, 5, 63, 64, 16_383, 16_384, 65_535));
const range = fc.tuple(port, port).map(([a, b]) => ({ firstPort: Math.min(a, b), lastPort: Math.max(a, b) }));
const rule: fc.Arbitrary<Rule> = fc
  .record({
    protocol: fc.constantFrom(1, 6, 17, 47),
    ports: fc.oneof(range, fc.constant({ firstPort: 0, lastPort: 0 })),
    source: fc.option(fc.oneof(prefix4, prefix6), { nil: undefined }),
  })
  .map(({ protocol, ports, source }) => ({
    protocol,
    ...(hasPorts(protocol) ? ports : { firstPort: 0, lastPort: 0 }),
    ...(source !== undefined && { source }),
  }));
const packet = (family: Family): fc.Arbitrary<Packet> =>
  fc.record({
    protocol: fc.constantFrom(1, 6, 17, 47, 58),
    port,
    from: (family === 4 ? prefix4 : prefix6).map((prefix) => {
      const address = parseAddress(prefix.split('/')[0] ?? '');
      if (typeof address !== 'string') throw new TypeError(prefix);
      return hostPrefix(address);
    }),
  });

describe('entries admit what the rules say, no more and no less [S2]', () => {
  test.each([4, 6] as const)('IPv%i', (family) => {
    let [admitted, refused] = [0, 0];
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 8 }),
        fc.array(packet(family), { minLength: 1, maxLength: 20 }),
        (rules, packets) => {
          for (const each of packets) {
            const wanted = plainly(rules, family, each);
            if (wanted) admitted += 1;
            else refused += 1;
            expect(byEntries(rules, family, each)).toBe(wanted);
          }
        },
      ),
      { numRuns: 400 },
    );
    // A law about nothing would hold as well.
    expect(Math.min(admitted, refused)).toBeGreaterThan(100);
  });
});

test('the blocks of a range are it exactly, aligned, and 44 at most', () => {
  fc.assert(
    fc.property(range, ({ firstPort, lastPort }) => {
      const blocks = portBlocks(firstPort, lastPort);
      expect(blocks.length).toBeLessThanOrEqual(44);
      let next = firstPort;
      for (const { first, size } of blocks) {
        expect([first, first % size]).toEqual([next, 0]);
        next = first + size;
      }
      expect(next).toBe(lastPort + 1);
    }),
  );
  expect(portBlocks(1, 65_534)).toHaveLength(44);
});

test.each([
  ['203.0.113.0/24', 1, '203.0.113.0/24'],
  ['203.0.112.0/22', 4, '203.0.112.0/24'],
  ['203.0.113.128/25', 8, '203.0.113.128/28'],
  ['2001:db8::/32', 1, '2001:db8::/32'],
  ['2001:db8::/61', 8, '2001:db8::/64'],
  ['2001:db8::7/128', 1, '2001:db8::7/128'],
])('source %s is %i blocks', (text, count, first) => {
  const source = parsePrefix(text);
  if (typeof source !== 'string') throw new TypeError(text);
  const blocks = sourceBlocks(source);
  expect([blocks.length, blocks[0]]).toEqual([count, first]);
  expect(blocks.every((block) => contains(source, block) && familyOf(block) === familyOf(source))).toBe(true);
});
