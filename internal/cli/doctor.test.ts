import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import { InterconnectSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AnycastGroupStateSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { MailStateSchema } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { GetMeshResponseSchema, GetStatusResponseSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';
import { diagnose, type Facts } from './diagnosis.ts';

const nowMs = Date.UTC(2026, 10, 26);
const node = (id: string, more: object = {}, beside: object = {}) => ({
  state: { node: { id }, connected: true, appliedRevision: 7n, ...more },
  certificateEnds: timestampFromMs(nowMs + 30 * 86_400_000),
  ...beside,
});
const cell = (fromNodeId: string, toNodeId: string, more: object = {}) => ({
  fromNodeId,
  toNodeId,
  heard: true,
  rttMs: 10,
  ...more,
});
const meshOf = (first: object = {}, firstBeside: object = {}, firstCell: object = {}) =>
  create(GetMeshResponseSchema, {
    nodes: [node('p1', first, firstBeside), node('p2')],
    cells: [cell('p1', 'p2', firstCell), cell('p2', 'p1')],
  });
const facts: Facts = {
  nowMs,
  status: create(GetStatusResponseSchema, { nodeId: 'p1', freshness: { revision: 7n } }),
  mesh: meshOf(),
  groups: [],
  mails: [],
  interconnects: [create(InterconnectSchema, { id: 'p1-p2', mtu: 1420 })],
  pools: [create(PoolSchema, { prefix: '44.31.0.0/22', space: { utilisation: 0.5 } })],
  reached: new Map([
    ['p1', undefined],
    ['p2', undefined],
  ]),
  largestTunnelMtu: 1420,
};

test('of a network that is well every check is OK', () => {
  const findings = diagnose(facts);
  expect(findings.map(({ level }) => level)).toEqual(findings.map(() => 'OK'));
  expect(new Set(findings.map(({ check }) => check)).size).toBe(findings.length);
});

const path = { interconnectId: 'p1-p2', nodeId: 'p2' };

test('that a drained node is silent is no finding; that one in use does not hear another is', () => {
  const silent = meshOf({}, { paths: [{ ...path, verdict: 'bad', troubles: ['down'] }] }, { heard: false });
  const reached = new Map([
    ['p1', undefined],
    ['p2', { code: 'unavailable', message: 'x' }],
  ]);
  const wrong = (mesh: Facts['mesh']) =>
    diagnose({ ...facts, mesh, reached }).flatMap(({ level, check }) => (level === 'OK' ? [] : [check]));
  expect(wrong(silent)).toEqual(['daemons', 'mesh', 'paths']);
  const { nodes } = create(GetMeshResponseSchema, { nodes: [node('p2', { node: { id: 'p2', drain: {} } })] });
  const drained = { ...silent, nodes: [...silent.nodes.slice(0, 1), ...nodes] };
  expect(wrong(drained)).toEqual([]);
});

test.each<readonly [level: string, check: string, cause: string, Partial<Facts>]>([
  ['FAIL', 'daemons', 'p2 does not answer', { reached: new Map([['p2', { code: 'unavailable', message: 'x' }]]) }],
  ['WARN', 'daemons', 'does not name p2', { reached: new Map([['p2', { code: 'context', message: 'x' }]]) }],
  ['FAIL', 'mesh', 'p1 does not hear p2, which hears it', { mesh: meshOf({}, {}, { heard: false, oneWay: true }) }],
  ['FAIL', 'etcd', 'p1 has no contact', { mesh: meshOf({ stale: true }) }],
  ['FAIL', 'applied', 'p1 holds back: 9 tunnels', { mesh: meshOf({ held: '9 tunnels' }) }],
  ['FAIL', 'applied', 'p1: 2 steps fail: no route', { mesh: meshOf({ failingSteps: 2, failure: 'no route' }) }],
  ['WARN', 'applied', 'p1 is 3 revisions behind', { mesh: meshOf({}, { behind: 3n }) }],
  ['WARN', 'clocks', 'p2 is 60 ms ahead of p1', { mesh: meshOf({}, {}, { clockOffsetMs: 60 }) }],
  ['FAIL', 'clocks', 'p2 is 400 ms ahead of p1', { mesh: meshOf({}, {}, { clockOffsetMs: 400 }) }],
  ['FAIL', 'paths', 'p1 to p2 (p1-p2) is down', { mesh: meshOf({}, { paths: [{ ...path, verdict: 'good' }] }) }],
  [
    'WARN',
    'paths',
    'is bad: flapping',
    { mesh: meshOf({}, { paths: [{ ...path, up: true, verdict: 'bad', troubles: ['flapping'] }] }) },
  ],
  [
    'WARN',
    'sessions',
    'more than 9 routes',
    { mesh: meshOf({}, { refusals: [{ neighbourId: 'u1', session: 'b1', limit: 9, limitHit: true }] }) },
  ],
  ['WARN', 'pairs', 'p1: clock-behind', { mesh: meshOf({ pairAlarm: 'clock-behind' }) }],
  ['FAIL', 'certificates', 'that of p1 ended', { mesh: meshOf({}, { certificateEnds: timestampFromMs(nowMs) }) }],
  ['WARN', 'certificates', 'that of p1 ends', { mesh: meshOf({}, { certificateEnds: timestampFromMs(nowMs + 1) }) }],
  [
    'WARN',
    'mtu',
    'p1-p2 carries 1380 bytes',
    { interconnects: [create(InterconnectSchema, { id: 'p1-p2', mtu: 1380 })] },
  ],
  [
    'WARN',
    'pools',
    '95 % used',
    { pools: [create(PoolSchema, { prefix: '44.31.0.0/22', space: { utilisation: 0.95 } })] },
  ],
  [
    'FAIL',
    'anycast',
    'p2 cannot open the key of group any',
    { groups: [create(AnycastGroupStateSchema, { group: { id: 'any', founderPopId: 'one' }, withoutKey: ['p2'] })] },
  ],
  [
    'WARN',
    'drains',
    'p1 is drained since 2026-11-24T00:00:00Z by admin/ada (new disk)',
    {
      mesh: meshOf({
        node: { id: 'p1', drain: { at: timestampFromMs(nowMs - 2 * 86_400_000), by: 'admin/ada', reason: 'new disk' } },
      }),
    },
  ],
  ['WARN', 'rotations', 'the interconnect key of p1: p2 is away', { mesh: meshOf({ rotation: 'p2 is away' }) }],
  [
    'WARN',
    'mails',
    '1 mail waits, one since 2026-11-25T23:00:00Z: refused by the server',
    {
      mails: [
        create(MailStateSchema, { createdAt: timestampFromMs(nowMs - 3_600_000), problem: 'refused by the server' }),
        create(MailStateSchema, { createdAt: timestampFromMs(nowMs - 1_000) }),
      ],
    },
  ],
  [
    'WARN',
    'records',
    'pop/x cannot be read',
    { status: create(GetStatusResponseSchema, { quarantinedKeys: ['pop/x'] }) },
  ],
  ['WARN', 'alarms', 'the disk is full', { status: create(GetStatusResponseSchema, { alarms: ['the disk is full'] }) }],
])('%s of %s: %s', (level, check, cause, change) => {
  const wrong = diagnose({ ...facts, ...change }).filter((finding) => finding.level !== 'OK');
  expect(wrong).toEqual([
    { level, check, cause: expect.stringContaining(cause) as unknown, cure: expect.stringMatching(/./) as unknown },
  ]);
});

test('doctor ends with 1 when something has failed, and asks each daemon by its name', async () => {
  const { client } = recorder({ getMesh: facts.mesh, getStatus: facts.status });
  expect((await cli(client, 'doctor')).code).toBe(0);
  const gone = {
    ...client,
    at: () => ({
      ...client,
      status: { ...client.status, getStatus: () => Promise.reject(new Fault('unavailable', 'refused')) },
    }),
  };
  const { code, stdout, stderr } = await cli(gone, 'doctor');
  expect(stdout).toContain('FAIL\tdaemons\tp1 does not answer: refused\ton p1: systemctl status pop44d');
  expect([code, stderr]).toEqual([1, 'pop44: 2 things have failed\n']);
  const lines = (await cli(gone, 'doctor -o jsonl')).stdout.trimEnd().split('\n');
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'FAIL', check: 'daemons' });
});
