import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { type Allocation, AllocationSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import { fillOf, heldIn, partsOf, poolMap } from './pool-map.ts';

const block = (text: string): Prefix => parsePrefix(text) as Prefix;
const held = (prefix: string, owner = 'user/ada', more: object = {}): Allocation =>
  create(AllocationSchema, { prefix, owner, ...more });
const gone = { quarantinedUntil: timestampFromMs(1_800_000_000_000) };

function partsWith(of: string, ...allocations: readonly Allocation[]) {
  const parts = partsOf(block(of), heldIn(block(of), allocations));
  const found = parts.filter(({ used, waiting }) => used + waiting > 0n);
  return { parts, found: found.map((part) => [part.prefix, fillOf(part), String(part.used)]) };
}

test.each([
  ['44.31.0.0/28', 16, '44.31.0.0/32'],
  ['44.31.0.0/24', 256, '44.31.0.0/32'],
  ['44.31.0.0/22', 256, '44.31.0.0/30'],
  ['44.0.0.0/9', 256, '44.0.0.0/17'],
  ['44.31.0.7/32', 1, '44.31.0.7/32'],
  ['2001:db8:44::/48', 256, '2001:db8:44::/56'],
  ['2001:db8:44:0:8000::/66', 1, '2001:db8:44:0:8000::/66'],
])('%s has %d parts, the first of them %s', (of, count, first) => {
  const { parts } = partsWith(of);
  expect(parts).toHaveLength(count);
  expect(parts[0]?.prefix).toBe(first);
});

test('what is held fills its part, or several, by how much it is', () => {
  const { found, parts } = partsWith(
    '44.31.0.0/22',
    ...[held('44.31.0.1/32'), held('44.31.0.2/32', 'user/eve'), held('44.31.0.3/32', 'user/eve')],
    ...[held('44.31.1.0/29', 'org'), held('44.31.2.4/32', 'user/ada', gone), held('44.32.0.0/32')],
  );
  expect(found).toEqual([
    ['44.31.0.0/30', 'most', '3'],
    ['44.31.1.0/30', 'full', '4'],
    ['44.31.1.4/30', 'full', '4'],
    ['44.31.2.4/30', 'waiting', '0'],
  ]);
  expect(parts[0]?.owners).toEqual(['user/ada', 'user/eve']);
});

test('a block inside one allocation is full of it, and IPv6 beyond /64 counts as one', () => {
  const { parts } = partsWith('44.31.0.0/30', held('44.31.0.0/24', 'org'));
  expect(parts.map((part) => [part.used, part.owners])).toEqual(parts.map(() => [1n, ['org']]));
  const long = partsWith('2001:db8:44::/60', held('2001:db8:44:3::7/128'), held('2001:db8:44:8::/62'));
  expect(long.found.map(([prefix]) => prefix)).toEqual(
    ['3', '8', '9', 'a', 'b'].map((net) => `2001:db8:44:${net}::/64`),
  );
});

test('each part tells what it is and leads to a map of its own, but a single address, which has none', () => {
  const drawn = (of: string) =>
    poolMap(
      partsWith(of, held('44.31.0.0/32')).parts,
      (part) => `/pools/x?at=${part}`,
      () => 'OE1ADA',
    ).text;
  const large = drawn('44.31.0.0/22');
  expect(large).toContain('<title>44.31.0.0/30: 1 of 4 used: OE1ADA</title>');
  expect(large.match(/<a href/g)).toHaveLength(256);
  expect(large).toContain('href="/pools/x?at=44.31.0.4/30"');
  expect(drawn('44.31.0.0/24')).not.toContain('<a href');
});
