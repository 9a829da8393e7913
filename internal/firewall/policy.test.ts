import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { FirewallSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { isDefault, mostRules, policyOf } from './firewall.ts';

const read = (record: MessageInitShape<typeof FirewallSchema>) => policyOf(create(FirewallSchema, record));

test('a tunnel without a firewall has the default one: replies and ping', () => {
  expect(policyOf(undefined)).toEqual({ presets: ['ping'], rules: [] });
  expect([isDefault(policyOf(undefined)), isDefault(read({ presets: ['ping'] })), isDefault(read({}))]).toEqual([
    true,
    true,
    false,
  ]);
});

test.each([
  ['a preset that is none', { presets: ['__proto__', 'toString', 'web}; flush ruleset'] }],
  ['a protocol beyond a byte', { rules: [{ protocol: 256 }] }],
  ['ports of GRE', { rules: [{ protocol: 47, firstPort: 1, lastPort: 2 }] }],
  ['half a range', { rules: [{ protocol: 6, firstPort: 80 }] }],
  ['a range backwards', { rules: [{ protocol: 6, firstPort: 81, lastPort: 80 }] }],
  ['a port beyond 16 bits', { rules: [{ protocol: 6, firstPort: 80, lastPort: 65_536 }] }],
  ['a source that is no prefix', { rules: [{ protocol: 6, source: '1.2.3.4 }; flush ruleset' }] }],
  ['a source with host bits', { rules: [{ protocol: 6, source: '203.0.113.1/24' }] }],
  ['a source in another spelling', { rules: [{ protocol: 6, source: '2001:DB8::/32' }] }],
  ['a source of half the internet', { rules: [{ protocol: 6, source: '128.0.0.0/1' }] }],
])('a record with %s admits nothing by it', (_, record) => {
  expect(read(record)).toEqual({ presets: [], rules: [] });
});

test('rules beyond the 64th of a record admit nothing', () => {
  const rules = Array.from({ length: 10_000 }, (_, at) => ({ protocol: 6, firstPort: at + 1, lastPort: at + 1 }));
  expect(read({ rules }).rules).toHaveLength(mostRules);
});
