import { expect, test } from 'vitest';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const key = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';
const pools4 = '4-2c1f0000-22';

const created: readonly (readonly [options: string, wishes: readonly object[]])[] = [
  ['', []],
  ['--ipv4 /29 --count 2', [{ family: 4, length: 29, count: 2 }]],
  [
    '--count 2',
    [
      { family: 4, count: 2 },
      { family: 6, count: 2 },
    ],
  ],
  [
    '--ipv4 /32 --ipv6 /56',
    [
      { family: 4, length: 32 },
      { family: 6, length: 56 },
    ],
  ],
  ['--ipv4 44.31.0.77 --ipv4 /29', [{ prefix: '44.31.0.77/32' }, { family: 4, length: 29 }]],
  ['--ipv4 44.31.0.77 --ipv4 /29 --count 3', [{ prefix: '44.31.0.77/32' }, { family: 4, length: 29, count: 3 }]],
  ['--ipv6 2001:db8:44:7::/64', [{ prefix: '2001:db8:44:7::/64' }]],
  ['--ipv4 none', [{ family: 6 }]],
  [`--pool ${pools4}`, [{ family: 4, pool: pools4 }]],
  [`--pool ${pools4} --ipv4 /30`, [{ family: 4, length: 30, pool: pools4 }]],
  [
    '--pool 44.31.0.0/22 --pool 44.128.0.0/20',
    [
      { family: 4, pool: '44.31.0.0/22' },
      { family: 4, pool: '44.128.0.0/20' },
    ],
  ],
  [
    `--pool 2001:db8:44::/48 --ipv4 /30`,
    [
      { family: 4, length: 30 },
      { family: 6, pool: '2001:db8:44::/48' },
    ],
  ],
];
test.each(created)('allocation create %s', async (options, wishes) => {
  const { client, sent } = recorder();
  const line = `allocation create --owner ada ${options}`.trim();
  const { code, stderr } = await cli(client, line);
  expect([code, stderr]).toEqual([0, '']);
  expect(sent).toMatchObject([{ method: 'allocate', request: { change: {}, owner: 'ada', homePopId: '', wishes } }]);
});

const forTunnels: readonly (readonly [options: string, request: object])[] = [
  ['', { pools: [] }],
  [`--pool ${pools4}`, { pools: [pools4] }],
  // A tunnel has both families unless one is said to be none.
  ['--ipv4 /29', { wishes: [{ family: 4, length: 29 }, { family: 6 }] }],
  [
    '--ipv4 /29 --ipv6 /56',
    {
      wishes: [
        { family: 4, length: 29 },
        { family: 6, length: 56 },
      ],
    },
  ],
  ['--ipv6 none', { wishes: [{ family: 4 }] }],
  ['--ipv4 44.31.0.77 --ipv6 none', { wishes: [{ prefix: '44.31.0.77/32' }] }],
  [`--pool ${pools4} --ipv4 /29`, { wishes: [{ family: 4, length: 29, pool: pools4 }] }],
];
test.each(forTunnels)('tunnel create %s', async (options, request) => {
  const { client, sent } = recorder();
  const { code } = await cli(client, `tunnel create t --home p1 --public-key ${key} ${options}`.trim());
  expect(code).toBe(0);
  expect(sent).toMatchObject([{ method: 'createTunnel', request }]);
});

test.each([
  ['--ipv4 29', '/29, 44.31.0.7, 44.31.0.8/29 or none'],
  ['--ipv4 2001:db8::/64', '/29, 44.31.0.7, 44.31.0.8/29 or none'],
  ['--ipv4 /0', 'a prefix length'],
  ['--count 0', 'a whole number from 1'],
  ['--count 99999999999', 'a whole number from 1 to 4294967295'],
  ['--ipv6 44.31.0.7', '/56, 2001:db8:44:7::/64 or none'],
  ['--ipv6 2001:db8:44:7::', 'one address is 2001:db8:44:7::/128'],
  ['--ipv4 none --ipv6 none', 'nothing is left to allocate'],
  ['--ipv4 none --ipv4 /29', '--ipv4 none goes alone'],
  [`--ipv4 none --pool ${pools4}`, '--ipv4 none goes alone'],
  ['--ipv4 44.31.0.7 --count 2', '--count goes with a length'],
  ['--pool 44.31.0.0/22 --pool 44.32.0.0/22 --ipv4 /29', 'from which of the pools 44.31.0.0/22, 44.32.0.0/22?'],
])('usage: pop44 tunnel create and allocation create %s', async (options, says) => {
  const { client, sent } = recorder();
  for (const verb of ['allocation create', `tunnel create t --public-key ${key}`]) {
    const { code, stderr } = await cli(client, `${verb} ${options}`);
    expect([code, stderr]).toEqual([2, expect.stringContaining(says) as unknown]);
  }
  expect(sent).toEqual([]);
});

const allocations = [
  { prefix: '44.31.0.7/32', owner: 'ada', tunnelId: 'ab12', homePopId: 'p1', realmId: 'internet', poolId: pools4 },
  { prefix: '44.31.0.8/32', owner: 'ada' },
  { prefix: '44.31.1.16/28', owner: 'pop/p3', delegatedPoolId: '4-2c1f0110-28' },
  { prefix: '44.31.0.9/32', owner: 'bob', quarantinedUntil: { seconds: 1_800_000_000n } },
];

test('the list says what each is used for', async () => {
  const { client, sent } = recorder({ listAllocations: { allocations } });
  const { stdout } = await cli(client, 'allocation list --pool x --quarantined', { isTTY: true });
  expect(stdout).toBe(
    [
      'PREFIX         OWNER   USE                                     HOME  REALM     POOL',
      '44.31.0.7/32   ada     tunnel ab12                             p1    internet  4-2c1f0000-22',
      '44.31.0.8/32   ada     held',
      '44.31.1.16/28  pop/p3  delegated as 4-2c1f0110-28',
      '44.31.0.9/32   bob     quarantined until 2027-01-15T08:00:00Z',
      '',
    ].join('\n'),
  );
  const request = { pool: 'x', owner: '', withQuarantined: true, pageSize: 1_000, pageToken: '' };
  expect(sent).toMatchObject([{ method: 'listAllocations', request }]);
});

test('what was given is a table, or the whole answer as JSON', async () => {
  const { client } = recorder({ allocate: { allocations, changed: { revision: 7n } } });
  expect((await cli(client, 'allocation create')).stdout.split('\n')[0]).toBe(
    '44.31.0.7/32\tada\ttunnel ab12\tp1\tinternet\t4-2c1f0000-22',
  );
  const answer = JSON.parse((await cli(client, 'allocation create -o json')).stdout) as unknown;
  expect(answer).toMatchObject({ changed: { revision: '7' }, allocations: [{ prefix: '44.31.0.7/32' }, {}, {}, {}] });
});

test('a release names its prefixes; an IPv4 address is one', async () => {
  const { client, sent } = recorder();
  const { stderr } = await cli(client, 'allocation release 44.31.0.8 2001:db8:44:7::/64 --owner ada');
  expect(stderr).toBe('released 44.31.0.8/32, 2001:db8:44:7::/64\n');
  const request = { owner: 'ada', prefixes: ['44.31.0.8/32', '2001:db8:44:7::/64'], pool: '' };
  expect(sent).toMatchObject([{ method: 'release', request }]);
});

test('what is no IPv4 address goes to the daemon as it was written', async () => {
  const { client, sent } = recorder();
  await cli(client, 'allocation release nonsense 44.31.0 2001:db8::7');
  expect(sent).toMatchObject([{ request: { prefixes: ['nonsense', '44.31.0', '2001:db8::7'] } }]);
});
