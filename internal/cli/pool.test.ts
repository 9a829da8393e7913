import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { refuse } from '#internal/errors/errors.ts';
import { PoolSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const change = {};
const requests: readonly (readonly [line: string, method: string, request: object])[] = [
  [
    'pool create 44.31.0.0/22 --home p1 --quarantine 36h',
    'createPool',
    { change, prefix: '44.31.0.0/22', realmId: '', homePopId: 'p1', quarantineSeconds: 129_600, description: '' },
  ],
  ['pool create 44.31.0.0/22 --quarantine 0', 'createPool', { quarantineSeconds: 0 }],
  ['pool show 44.31.0.0/22', 'getPool', { pool: '44.31.0.0/22' }],
  ['pool update x --description d', 'updatePool', { change, pool: 'x', description: 'd' }],
  ['pool update x --quarantine 7d --etag 9', 'updatePool', { change: { etag: '9' }, quarantineSeconds: 604_800 }],
  ['pool update x --home p2', 'updatePool', { change, pool: 'x', homePopId: 'p2' }],
  ['pool update x --no-home', 'updatePool', { change, pool: 'x', homePopId: '' }],
  ['pool freeze x', 'updatePool', { change, pool: 'x', frozen: true }],
  ['pool unfreeze x', 'updatePool', { change, pool: 'x', frozen: false }],
  [
    'pool delegate x --length /28 --to p3 --request-id r',
    'delegatePool',
    { change: { requestId: 'r' }, pool: 'x', length: 28, prefix: '', popId: 'p3', description: '' },
  ],
  [
    'pool delegate x --prefix 44.31.1.16/28 --to p3',
    'delegatePool',
    { change, pool: 'x', length: 0, prefix: '44.31.1.16/28', popId: 'p3' },
  ],
  ['pool drain x --to y', 'drainPool', { change, pool: 'x', toPool: 'y', move: 0 }],
  ['pool drain x --to y --move --dry-run', 'drainPool', { change: { dryRun: true }, pool: 'x', toPool: 'y', move: 16 }],
  [
    'pool reserve x 44.31.0.0/29 --owner ada',
    'createReservation',
    { change, pool: 'x', prefix: '44.31.0.0/29', owner: 'ada', description: '' },
  ],
  ['pool unreserve x 44.31.0.0/29', 'deleteReservation', { change, pool: 'x', prefix: '44.31.0.0/29' }],
  ['pool reservations', 'listReservations', { pool: '' }],
  ['pool reservations x', 'listReservations', { pool: 'x' }],
  ['pool check', 'checkPools', { pool: '', mend: false, graceSeconds: 5 }],
  ['pool check x --mend --grace 1m', 'checkPools', { pool: 'x', mend: true, graceSeconds: 60 }],
  ['quota set ada --ipv4 16 --ipv6 default', 'setQuota', { change, owner: 'ada', limit4: 16n }],
  ['quota set ada --ipv4 default --ipv6 default --tunnels 20', 'setQuota', { change, owner: 'ada', limitTunnels: 20n }],
  [
    'quota set --default --ipv4 none --ipv6 none --tunnels none',
    'setQuota',
    { change, owner: '', noLimitTunnels: true },
  ],
  ['quota set --default --ipv4 1 --ipv6 none', 'setQuota', { change, owner: '', limit4: 1n }],
  ['quota list', 'listQuotas', {}],
];
test.each(requests)('%s', async (line, method, request) => {
  const { client, sent } = recorder();
  const { code, stderr } = await cli(client, line);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('pop44:') as unknown]);
  expect(sent[0]).toMatchObject({ method, request });
});

test.each([
  ['pool create a --quarantine 1w', 'a duration, like 90s'],
  ['pool create a --quarantine 99999999d', 'a duration, like 90s'],
  ['pool update x', 'nothing to change'],
  ['pool delegate x --length 28', "required option '--to <pop>'"],
  ['pool delegate x --to p3', 'either --length or --prefix'],
  ['pool delegate x --to p3 --length 28 --prefix y', 'either --length or --prefix'],
  ['pool delegate x --to p3 --length small', 'a prefix length'],
  ['pool drain x', "required option '--to <pool>'"],
  ['pool reserve x', "missing required argument 'prefix'"],
  ['quota set ada --ipv4 1', "required option '--ipv6 <count>'"],
  ['quota set ada --ipv4 1 --ipv6 few', 'a count, none or default'],
  ['quota set ada --ipv4 none --ipv6 1', 'has the default one'],
  ['quota set --default --ipv4 default --ipv6 1', 'the default is a count or none'],
  ['quota set --ipv4 1 --ipv6 1', 'Give an owner or --default'],
  ['quota set ada --default --ipv4 1 --ipv6 1', 'Give an owner or --default'],
])('usage: pop44 %s', async (line, says) => {
  const { client, sent } = recorder();
  const { code, stderr, stdout } = await cli(client, line);
  expect([code, stderr]).toEqual([2, expect.stringContaining(says) as unknown]);
  expect([stdout, sent]).toEqual(['', []]);
});

test.each([
  ['grow', '44.31.0.0/21', undefined],
  ['shrink', '44.31.0.0/23', undefined],
  ['grow', '44.31.0.0/23', '44.31.0.0/23 is smaller than the pool, which is 44.31.0.0/22 (pool shrink makes'],
  ['shrink', '44.31.0.0/21', '44.31.0.0/21 is larger than the pool, which is 44.31.0.0/22 (pool grow makes'],
  ['grow', '44.31.0.0/22', '44.31.0.0/22 is as large as the pool, which is 44.31.0.0/22\n'],
  // What is no prefix, or of the other family, is the daemon's to refuse.
  ['grow', '44.31.0.0', undefined],
  ['grow', '2001:db8::/32', undefined],
])('pool %s x %s resizes the way it says, or nothing', async (verb, prefix, problem) => {
  const { client, sent } = recorder({ getPool: { pool: { prefix: '44.31.0.0/22' } } });
  const { code, stderr } = await cli(client, `pool ${verb} x ${prefix} --etag 7`);
  expect([code, stderr]).toEqual(problem === undefined ? [0, ''] : [2, expect.stringContaining(problem) as unknown]);
  const resize = { method: 'resizePool', request: { change: { etag: '7' }, pool: 'x', prefix } };
  expect(sent.slice(1)).toMatchObject(problem === undefined ? [resize] : []);
});

test.each([
  ['it has the prefix already', { pool: { prefix: '44.31.0.0/21' } }],
  ['nothing has its old prefix any more', new Refused(refuse('not-found', { field: 'pool', problem: 'x', cure: 'y' }))],
])('a repeat of a resize reaches the daemon when %s', async (_, getPool) => {
  const { client, sent } = recorder({ getPool });
  expect((await cli(client, 'pool grow 44.31.0.0/22 44.31.0.0/21 --request-id r')).code).toBe(0);
  expect(sent[1]).toMatchObject({ method: 'resizePool', request: { change: { requestId: 'r' } } });
  expect((await cli(client, 'pool grow 44.31.0.0/22 44.31.0.0/21')).code).toBeGreaterThan(0);
  expect(sent.filter(({ method }) => method === 'resizePool')).toHaveLength(1);
});

const parent = create(PoolSchema, {
  ...{ id: '4-2c1f0000-22', prefix: '44.31.0.0/21', realmId: 'internet', leaderNodeId: 'p1', etag: '7' },
  ...{ slabs: 2, allocations: 13n, quarantined: 2n, quarantineSeconds: 86_400 },
  space: {
    ...{ total: 2_048n, used: 27n, utilisation: 27 / 2_048, reserved: 8n, slabsTotal: 8, slabsFree: 6 },
    ...{ largestFreeLength: 22, fragmentation: 0.3333 },
    units: [
      { length: 29, slabs: 1, used: 2n, free: 30n },
      { length: 32, slabs: 1, used: 11n, free: 243n },
    ],
  },
});
const delegation = create(PoolSchema, {
  ...{ id: '4-2c1f0110-28', prefix: '44.31.1.16/28', realmId: 'internet', parentPoolId: parent.id, homePopId: 'p3' },
  ...{ frozen: true, drainToPoolId: parent.id, space: { utilisation: 0.0001 } },
});

test('the list says who leads, how full each is and in which state', async () => {
  const { client } = recorder({
    listPools: { pools: [parent, delegation, { prefix: '2001:db8::/48', frozen: true }] },
  });
  expect((await cli(client, 'pool list', { isTTY: true })).stdout).toBe(
    [
      'PREFIX         REALM     LEADER  ALLOCATED  QUARANTINED  USED %  STATE',
      '44.31.0.0/21   internet  p1      13         2            1.3     open',
      '44.31.1.16/28  internet  none    0          0            <0.1    delegation of 44.31.0.0/21 to p3, draining to 44.31.0.0/21',
      '2001:db8::/48            none    0          0                    frozen',
      '',
    ].join('\n'),
  );
});

test('one pool is shown with its space, its units and what is reserved in it', async () => {
  const listReservations = { reservations: [{ prefix: '44.31.0.0/29', description: 'routers' }] };
  const { client, sent } = recorder({ getPool: { pool: parent }, listReservations });
  const { stdout } = await cli(client, 'pool get 44.31.0.0/21', { isTTY: true });
  expect(stdout).toBe(
    [
      'prefix              44.31.0.0/21',
      'id                  4-2c1f0000-22',
      'realm               internet',
      'description         -',
      'state               open',
      'home                each slab its own',
      'quarantine          24 h',
      'etag                7',
      'leader              p1',
      'allocated           13',
      'quarantined         2',
      'used                1.3 % (27 of 2048 addresses)',
      'reserved            8 addresses',
      'slabs               2 cut, 6 free',
      'largest free block  /22',
      'fragmentation       0.33',
      '',
      'UNIT  SLABS  USED  FREE',
      '/29   1      2     30',
      '/32   1      11    243',
      '',
      'RESERVED      FOR     DESCRIPTION',
      '44.31.0.0/29  nobody  routers',
      '',
    ].join('\n'),
  );
  expect(sent[1]).toMatchObject({ method: 'listReservations', request: { pool: '4-2c1f0000-22' } });
  const json = JSON.parse((await cli(client, '-o json pool get x')).stdout) as unknown;
  expect(json).toMatchObject({ pool: { space: { largestFreeLength: 22, units: [{ length: 29 }, { length: 32 }] } } });
});

test('what is in the way of a shrink stands under the refusal, a line each, harmless', async () => {
  const refusal = refuse('below-use', {
    ...{ field: 'prefix', value: '44.31.0.0/23', problem: 'would lose what is in use', cure: 'release it first' },
    obstacles: ['44.31.2.7/32 of tunnel ab12 (ada)', '44.31.3.0/29 (b\u001bob)'],
  });
  const { client } = recorder({ getPool: { pool: { prefix: '44.31.0.0/22' } }, resizePool: new Refused(refusal) });
  const { code, stderr } = await cli(client, 'pool shrink x 44.31.0.0/23');
  expect(code).toBe(3);
  expect(stderr).toBe(
    [
      'pop44: refused (below-use): prefix: "44.31.0.0/23" would lose what is in use (release it first)',
      '  44.31.2.7/32 of tunnel ab12 (ada)',
      '  44.31.3.0/29 (b\uFFFDob)',
      '',
    ].join('\n'),
  );
});

const findings = [
  { kind: 'leak', record: 'allocation/a/b', problem: 'of no tunnel', cure: 'release it', mended: true },
  { kind: 'orphan', record: 'slab/a/b', problem: 'of no pool', cure: 'delete it' },
];
test.each([
  ['pool check', [], 0, 'nothing is wrong in 12 records\n'],
  ['pool check --mend', findings.slice(0, 1), 0, 'all of it is mended\n'],
  ['pool check', findings, 1, 'pop44: 1 finding is not mended (--mend carries out the cures)\n'],
  ['pool check --mend', findings.slice(1), 1, 'pop44: 1 finding is not mended\n'],
] as const)('%s with findings %j ends with %i', async (line, found, code, stderr) => {
  const { client, sent } = recorder({ checkPools: { findings: found, records: 12n } });
  const ran = await cli(client, line);
  expect([ran.code, ran.stderr]).toEqual([code, stderr]);
  expect(ran.stdout.split('\n').slice(0, -1)).toHaveLength(found.length);
  // Both scans and the grace between them are one call.
  expect(sent[0]?.options).toMatchObject({ deadlineMs: 65_000 });
});

test('quotas show what is used of them', async () => {
  const quotas = [
    { limit4: 1n, limitTunnels: 5n },
    { owner: 'ada', limit4: 16n, used4: 9n, used6: 1n, usedTunnels: 3n },
  ];
  const { stdout } = await cli(recorder({ listQuotas: { quotas } }).client, 'quota list', { isTTY: true });
  expect(stdout).toBe(
    [
      'OWNER      IPV4 USED  IPV4 LIMIT  IPV6 /64S USED  IPV6 /64S LIMIT  TUNNELS  TUNNELS LIMIT',
      '(default)             1                           none                      5',
      'ada        9          16          1               default          3        default',
      '',
    ].join('\n'),
  );
});
