import { create } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { Fault } from '#internal/errors/errors.ts';
import { type Interconnect, InterconnectSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

const one = create(InterconnectSchema, { id: 'p1-p2', nodeA: 'p1', nodeB: 'p2', mtu: 1420 });
const interconnects = [one];
const node = { node: { id: 'p1', popId: 'north' }, connected: true, appliedRevision: 3n };
const path = { interconnectId: 'p1-p2', nodeId: 'p2', link: 'i0', up: true, verdict: 'degraded', weight: 4 };
const answers = {
  listPops: { pops: [{ id: 'north', kind: 1, endpoint4: '198.18.1.2', publicKey: 'north-key' }] },
  listNodes: { nodes: [node] },
  listInterconnects: { interconnects },
  listUpstreams: { upstreams: [{ id: 'u1', nodeId: 'p1', plane: 1, neighborAsn: 64500 }], withPassword: ['u1'] },
  listBlackholes: { blackholes: [{ prefix: '44.31.0.7/32', reason: 'flood' }] },
  listQuotas: {
    quotas: [
      { owner: '', limit4: 4n },
      { owner: 'ada', used4: 1n },
    ],
  },
  listAuthorities: { authorities: [{ authority: { id: 'ab'.repeat(32) }, subject: 'CN=one', signs: true }] },
  listAllocations: { allocations: [{ prefix: '44.31.0.9/32', owner: 'ada' }] },
  listTunnels: { tunnels: [{ id: 't1', name: 'shack', owner: 'ada', prefixes: ['44.31.0.7/32'], mtu: 1380 }] },
  listPools: { pools: [{ id: '4-2c1f0000-22', prefix: '44.31.0.0/22' }] },
  getTunnel: { tunnel: { id: 't1', name: 'shack', owner: 'ada', popIds: ['north'] } },
  getTunnelUsage: { nodes: [{ nodeId: 'p1', upBytes: 2_000n, downBytes: 1n }] },
  getTunnelDenials: { denials: [{ prefix: '44.31.0.7/32', packets: 3n }] },
  getMesh: { nodes: [{ state: node, paths: [path] }] },
};

test.each([
  ['pop', 'north', 'public key\tnorth-key'],
  ['node', 'p1', 'id\tp1'],
  ['interconnect', 'p1-p2', 'mtu\t1420'],
  ['upstream', 'u1', 'password\tyes'],
  ['blackhole', '44.31.0.7', 'reason\tflood'],
  ['quota', 'default', 'ipv4 limit\t4'],
  ['ca', 'abababababababab', 'state\tsigns'],
  ['allocation', '44.31.0.9', 'owner\tada'],
])('%s has list, get and watch, and an unknown one is told with those that there are', async (noun, name, row) => {
  const { client } = recorder(answers);
  const got = await cli(client, `${noun} get ${name}`);
  expect(got.stderr).toBe('');
  expect([got.code, got.stdout]).toEqual([0, expect.stringContaining(noun === 'node' ? 'node\tp1' : row)]);
  const listed = (await cli(client, `${noun} list -o wide`)).stdout;
  expect((await cli(client, `${noun} ls -o wide`)).stdout).toBe(listed);
  expect((await cli(client, `${noun} watch --times 1 -o wide`)).stdout).toBe(listed);
  expect(await cli(client, `${noun} get nobody`)).toMatchObject({
    code: 3,
    stdout: '',
    stderr: expect.stringMatching(/refused \(not-found\): .*"nobody" is not known \(one of /) as unknown,
  });
});

test('describe shows what hangs on a thing', async () => {
  const { client } = recorder(answers);
  const told = async (line: string) => (await cli(client, line)).stdout;
  expect(await told('pop describe north')).toContain('\np1\tnorth\tyes\t3');
  expect(await told('node describe p1')).toMatch(/p1-p2\tp1\tp2[^]*degraded[^]*u1\tp1\ttransport/);
  expect(await told('interconnect describe p1-p2')).toContain('p1\tp2\tp1-p2\tup\tdegraded\t4');
  expect(await told('tunnel describe shack')).toMatch(/p1\t2\.00 kB[^]*p1\t44\.31\.0\.7\/32\t3/);
});

test('a wide list has what a table leaves out', async () => {
  const { client } = recorder(answers);
  expect((await cli(client, 'tunnel list')).stdout).not.toContain('1380');
  expect((await cli(client, 'tunnel list -o wide')).stdout).toContain('1380');
});

/** Answers one after another; the last again and again. */
function changing(looks: readonly (readonly Interconnect[] | Fault)[]) {
  let at = 0;
  const { client } = recorder(answers);
  const listInterconnects = async () => {
    const look = looks[Math.min(at, looks.length - 1)];
    at += 1;
    if (look instanceof Error) throw look;
    return { interconnects: look } as never;
  };
  return { ...client, fabric: { ...client.fabric, listInterconnects } };
}

test('a watch tells what came, changed and went, and outlives a daemon that is away', async () => {
  const wider = { ...one, mtu: 9000 };
  const other = { ...one, id: 'p1-p3', nodeB: 'p3' };
  const away = new Fault('unavailable', 'nobody answers');
  const client = changing([[one], [one], [wider, other], away, away, [other]]);
  const { code, stdout, stderr } = await cli(client, 'interconnect watch --interval 0.01 --times 7');
  expect(code).toBe(0);
  expect(stdout.split('\n').map((line) => line.split('\t').slice(0, 2).join(' '))).toEqual([
    'p1-p2 p1',
    '~ p1-p2',
    '+ p1-p3',
    '- p1-p2',
    '',
  ]);
  expect(stderr).toBe('warning: nobody answers\nthe network answers again\n');
});

test('a watch of one, as lines of JSON', async () => {
  const { client } = recorder(answers);
  const { stdout } = await cli(client, 'interconnect watch p1-p2 --times 1 -o jsonl');
  expect(JSON.parse(stdout)).toMatchObject({ change: 'added', item: { id: 'p1-p2', mtu: 1420 } });
  expect((await cli(client, 'interconnect watch p9 --times 1')).code).toBe(3);
  const silent = changing([new Fault('unavailable', 'nobody answers')]);
  expect((await cli(silent, 'interconnect watch --times 2')).code).toBe(1);
});
