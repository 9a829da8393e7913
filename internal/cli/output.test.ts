import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { NodeStateSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const pool = create(PoolSchema, {
  ...{ id: '4-2c1f0000-22', prefix: '44.31.0.0/22', realmId: 'internet', description: 'a\tb\n\u001b[2Jc', etag: '7' },
  ...{ slabs: 1, allocations: 12n },
});
const other = create(PoolSchema, { id: '6-x', prefix: '2001:db8:44::/48', realmId: 'internet' });
const poolAnswers = {
  listPools: { pools: [pool, other] },
  getPool: { pool, freshness: { revision: 9n, stale: true } },
};

test('a list on a terminal is a table, and nothing of a record moves its cursor', async () => {
  const { stdout } = await cli(recorder(poolAnswers).client, 'pool list', { isTTY: true });
  expect(stdout).toBe(
    [
      'PREFIX            REALM     LEADER  ALLOCATED  QUARANTINED  STATE  DESCRIPTION',
      '44.31.0.0/22      internet  none    12         0            open   a\uFFFDb\uFFFD\uFFFD[2Jc',
      '2001:db8:44::/48  internet  none    0          0            open',
      '',
    ].join('\n'),
  );
});

test('a list in a pipe has tabs and no head; it is an array of JSON, lines of it, or YAML', async () => {
  const { client } = recorder(poolAnswers);
  const piped = (await cli(client, 'pool list')).stdout.split('\n');
  expect(piped[1]).toBe('2001:db8:44::/48\tinternet\tnone\t0\t0\t\topen\t');
  const wanted = [
    { prefix: '44.31.0.0/22', allocations: '12', frozen: false },
    { prefix: '2001:db8:44::/48', allocations: '0', slabs: 0 },
  ];
  const lines = (await cli(client, 'pool list -o jsonl')).stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject(wanted);
  expect(JSON.parse((await cli(client, 'pool list -o json')).stdout)).toMatchObject(wanted);
  const yaml = (await cli(client, 'pool list -o yaml')).stdout;
  expect(parse(yaml)).toMatchObject(wanted);
  // Of a record nothing is a tag, an anchor or a line of its own.
  expect(parse(yaml)).toMatchObject([{ description: pool.description }, {}]);
});

test('an empty list prints nothing, and says so to who looks by eye', async () => {
  expect(await cli(recorder().client, 'pool list', { isTTY: true })).toMatchObject({
    stdout: '',
    stderr: 'there are none\n',
  });
  expect(await cli(recorder().client, 'pool list')).toMatchObject({ stdout: '', stderr: '' });
});

test('a record is names and values; an old answer is warned of; JSON is the whole answer', async () => {
  const { client } = recorder(poolAnswers);
  const { stdout, stderr } = await cli(client, 'pool get x');
  expect(stdout).toContain('prefix\t44.31.0.0/22\nid\t4-2c1f0000-22\n');
  expect(stderr).toContain('this is revision 9');
  const answer = JSON.parse((await cli(client, '-o json pool get x')).stdout) as unknown;
  expect(answer).toMatchObject({ pool: { etag: '7' }, freshness: { revision: '9', stale: true } });
});

test('status shows every node', async () => {
  const node = create(NodeStateSchema, {
    node: { id: 'p2', popId: 'p2' },
    held: 'too much',
    appliedRevision: 4n,
    clockOffsetMs: -20.4,
    loopLagMs: 7,
  });
  const { client } = recorder({ getStatus: { nodeId: 'p1', version: '1', nodes: [node], quarantinedKeys: ['pop/x'] } });
  const { stdout } = await cli(client, 'status');
  expect(stdout).toContain('unreadable\tpop/x\n');
  expect(stdout).toContain('p2\tp2\tno\t4\t0\t\t\ttoo much\t\t\t\t\t-20 ms\t7 ms\t\t\t\t\t\n');
});

test('a dry run prints the record changes alone', async () => {
  const decision = ['put pool/4-2c1f0000-22 {}', 'put realm/internet {}'];
  const { client } = recorder({ createPool: { changed: { decision }, pool } });
  const { stdout } = await cli(client, 'pool create 44.31.0.0/22 --dry-run --wait');
  expect(stdout).toBe(`${decision.join('\n')}\n`);
});

const committed = { createPool: { pool, changed: { revision: 12n, requestId: 'r' } } };

test('--wait waits for the revision of the answer and tells how long it took', async () => {
  const { client, sent } = recorder({ ...committed, waitApplied: [{ pendingNodeIds: ['p2'] }, {}] });
  const { code, stderr } = await cli(client, 'pool create 44.31.0.0/22 --wait');
  expect(code).toBe(0);
  expect(stderr).toMatch(/^applied after \d+ ms \(answered after \d+ ms\)\n$/);
  expect(sent[1]).toMatchObject({ request: { revision: 12n }, options: { deadlineMs: 30_000 } });
});

test('a wait that times out says where it is missing, with exit code 4', async () => {
  const waitApplied = [{ pendingNodeIds: ['p2', 'p3'] }, new Fault('deadline', 'Deadline exceeded')];
  const { client } = recorder({ ...committed, waitApplied });
  const { code, stderr, stdout } = await cli(client, 'pool create 44.31.0.0/22 --wait=2');
  expect(code).toBe(4);
  expect(stderr).toContain('accepted, but revision 12 is not applied on p2, p3 within 2 s (pop44 wait 12)');
  expect(stdout).toContain('44.31.0.0/22');
});

test('a repeated request is told to be one', async () => {
  const { client } = recorder({ createPool: { pool, changed: { revision: 12n, requestId: 'r', repeated: true } } });
  expect((await cli(client, 'pool create 44.31.0.0/22 --request-id r')).stderr).toContain('carried out before');
});

test('a refusal is told with its cure, with exit code 3', async () => {
  const refusal = refuse('overlap', { field: 'pool.prefix', value: 'x', problem: 'overlaps', cure: 'side by side' });
  const { code, stdout, stderr } = await cli(recorder({ createPool: new Refused(refusal) }).client, 'pool create x');
  expect([code, stdout]).toEqual([3, '']);
  expect(stderr).toBe('pop44: refused (overlap): pool.prefix: "x" overlaps (side by side)\n');
});

test('a fault is told with its word, with exit code 1', async () => {
  const { client } = recorder({ createPool: new Fault('unavailable', 'the store is away') });
  const { code, stderr } = await cli(client, 'pool create x');
  expect([code, stderr]).toEqual([1, 'pop44: unavailable: the store is away\n']);
});

test('context and node are handed on, wherever they stand', async () => {
  const { where } = await cli(recorder().client, 'pool list --node p2 --context /x');
  expect(where).toEqual({ node: 'p2', context: '/x' });
});

const folder = mkdtempSync(join(tmpdir(), 'cli-'));
afterAll(() => rmSync(folder, { recursive: true }));
const lab = {
  ...{ lab: 'one', pid: process.pid, ca: 'ca.pem', certificate: 'a.pem', key: 'a.key', namespaces: ['client'] },
  daemons: [{ node: 'p1', address: '127.0.0.1:1' }],
};
mkdirSync(join(folder, 'pop44', 'one'), { recursive: true });
writeFileSync(join(folder, 'pop44', 'one', 'context.json'), JSON.stringify(lab));
const env = { XDG_RUNTIME_DIR: folder, PATH: '/bin' };

test('labs are listed', async () => {
  const { stdout } = await cli(recorder().client, 'lab list', { env });
  expect(stdout.split('\t').slice(0, 3)).toEqual(['one', String(process.pid), 'p1=127.0.0.1:1']);
});

test('lab exec becomes the command, whose options are its own', async () => {
  const { became, code } = await cli(recorder().client, 'lab exec client -- ping -c 1 --wait -o x', {
    env,
    cwd: '/work',
  });
  expect(code).toBe(0);
  expect(became?.slice(-6)).toEqual(['ping', '-c', '1', '--wait', '-o', 'x']);
  expect(became?.slice(0, 3)).toEqual(['nsenter', '--target', String(process.pid)]);
  expect(became).toContain('--chdir=/work');
});

test('lab exec names the namespaces when it does not know one', async () => {
  const { code, stderr, became } = await cli(recorder().client, 'lab exec nowhere -- true', { env });
  expect([code, became]).toEqual([2, undefined]);
  expect(stderr).toContain('client');
});
