import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DescService, MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { afterAll, expect, test } from 'vitest';
import type { Client } from '#internal/client/client.ts';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { FabricService, NodeStateSchema } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolSchema, PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { Refused } from '#internal/rpc/rpc.ts';
import { cli } from '#internal/testkit/cli-world.ts';

type Answers = Readonly<Record<string, unknown>>;
interface Sent {
  readonly method: string;
  readonly request: unknown;
  readonly options: unknown;
}

/** Answers as told, with an empty message otherwise; an Error among the answers is thrown. */
function recorder(answers: Answers = {}): { readonly client: Client; readonly sent: Sent[] } {
  const sent: Sent[] = [];
  const calls = (service: DescService): unknown =>
    Object.fromEntries(
      service.methods.map((method) => {
        const answer = (request: unknown, options: unknown): unknown => {
          sent.push({ method: method.localName, request, options });
          const told = answers[method.localName] ?? {};
          if (told instanceof Error) throw told;
          return create(method.output, told as MessageInitShape<typeof method.output>);
        };
        const stream = async function* (request: unknown, options: unknown) {
          for (const each of [answers['waitApplied'] ?? []].flat()) {
            if (each instanceof Error) throw each;
            yield create(method.output, each as MessageInitShape<typeof method.output>);
          }
          sent.push({ method: method.localName, request, options });
        };
        return [
          method.localName,
          method.methodKind === 'unary'
            ? async (request: unknown, options: unknown) => answer(request, options)
            : stream,
        ];
      }),
    );
  const client = {
    pools: calls(PoolService),
    tunnels: calls(TunnelService),
    fabric: calls(FabricService),
    status: calls(StatusService),
    at: () => client,
    close: () => {},
  } as unknown as Client;
  return { client, sent };
}

const key = 'hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=';
const change = {};
const requests: readonly (readonly [line: string, method: string, request: object])[] = [
  [
    'network create ardc --allow-documentation-space',
    'createNetwork',
    { change, name: 'ardc', allowDocumentationSpace: true },
  ],
  [
    `pop create p1 --kind regional --endpoint4 198.18.1.2 --public-key ${key} --no-tunnels`,
    'createPop',
    {
      change,
      pop: {
        ...{ id: 'p1', kind: 2, endpoint4: '198.18.1.2', endpoint6: '', endpointPort: 51820, publicKey: key },
        ...{ acceptsTunnels: false, description: '', failureDomain: '' },
      },
    },
  ],
  [
    `node create p1 --pop p1 --asn 4200000001 --mesh-address fd44:44::1 --mesh-public-key ${key} --interconnect-public-key ${key} --wait=5`,
    'createNode',
    {
      change,
      node: {
        ...{
          id: 'p1',
          popId: 'p1',
          asn: 4_200_000_001,
          meshAddress: 'fd44:44::1',
          meshPublicKey: key,
          meshPort: 51844,
        },
        ...{ interconnectPublicKey: key, apiPort: 4440, loopback4: '', loopback6: '', underlay4: '', underlay6: '' },
        failureDomain: '',
      },
    },
  ],
  [
    'interconnect create p1 p2 --port-a 7 --request-id r',
    'createInterconnect',
    { change: { requestId: 'r' }, nodeA: 'p1', nodeB: 'p2', link4: '', link6: '', portA: 7, portB: 0, mtu: 0 },
  ],
  ['interconnect delete p1-p2 --etag 7', 'deleteInterconnect', { change: { etag: '7' }, interconnect: 'p1-p2' }],
  [
    'upstream create u1 p1 --plane pop --neighbor6 2001:db8::1 --asn 64500 --no-bfd',
    'createUpstream',
    {
      change,
      upstream: {
        ...{ id: 'u1', nodeId: 'p1', plane: 2, neighbor4: '', neighbor6: '2001:db8::1', neighborAsn: 64500 },
        bfd: false,
      },
    },
  ],
  [
    'pool create 44.31.0.0/22 --realm hamnet --dry-run',
    'createPool',
    { change: { dryRun: true }, prefix: '44.31.0.0/22', realmId: 'hamnet', description: '' },
  ],
  ['pool get 44.31.0.0/22', 'getPool', { pool: '44.31.0.0/22' }],
  ['pool delete 4-2c1f0000-22', 'deletePool', { change, pool: '4-2c1f0000-22' }],
  [
    `tunnel create t --public-key ${key} --home p2 --pop p1 --pop p2 --pool 4-2c1f0000-22 --mtu 1280 --keepalive 0 --owner club`,
    'createTunnel',
    {
      change,
      ...{ name: 't', owner: 'club', publicKey: key, homePopId: 'p2', popIds: ['p1', 'p2'], pools: ['4-2c1f0000-22'] },
      ...{ mtu: 1280, keepaliveSeconds: 0 },
    },
  ],
  ['tunnel get club/t', 'getTunnel', { tunnel: 'club/t' }],
  ['tunnel list --owner club', 'listTunnels', { owner: 'club', pageSize: 1000, pageToken: '' }],
  ['tunnel update t --mtu 1380 --name u', 'updateTunnel', { change, tunnel: 't', mtu: 1380, name: 'u' }],
  ['tunnel enable t --etag 9', 'updateTunnel', { change: { etag: '9' }, tunnel: 't', enabled: true }],
  ['tunnel disable t', 'updateTunnel', { change, tunnel: 't', enabled: false }],
  ['tunnel delete t', 'deleteTunnel', { change, tunnel: 't' }],
  ['status', 'getStatus', {}],
  ['wait 12 --on p1 --on p2', 'waitApplied', { revision: 12n, nodeIds: ['p1', 'p2'] }],
  ['wait 12 --tunnel t', 'waitApplied', { revision: 12n, tunnel: 't' }],
  ['brake release p1', 'releaseBrake', { nodeId: 'p1' }],
];
test.each(requests)('%s', async (line, method, request) => {
  const { client, sent } = recorder();
  const { code, stderr } = await cli(client, line);
  expect(stderr).not.toContain('pop44:');
  expect(code).toBe(0);
  expect(sent[0]).toMatchObject({ method, request });
});

test.each([
  ['', 'Usage: pop44'],
  ['pools', "unknown command 'pools'"],
  ['pool', 'Usage: pop44 pool'],
  ['pool creat', 'Did you mean create?'],
  ['pool create', "missing required argument 'prefix'"],
  ['pool create a b', 'too many arguments'],
  ['pool create a --frozen', "unknown option '--frozen'"],
  ['pool list -o yaml', 'Allowed choices are table, json'],
  ['pop create p1 --kind huge --public-key k', 'Allowed choices are core, regional, micro'],
  ['pop create p1 --kind core', "required option '--public-key <key>'"],
  ['tunnel create t --mtu -1 --public-key k', 'a whole number from 0'],
  ['tunnel create t --mtu 4294967296 --public-key k', 'a whole number from 0'],
  ['tunnel create t --wait=never --public-key k', 'seconds, more than 0'],
  ['tunnel create t --wait=0 --public-key k', 'seconds, more than 0'],
  ['tunnel create t', 'a key is wanted'],
  ['tunnel create t --public-key k --file t.conf', 'the private half is elsewhere'],
  ['tunnel create t --file t.txt', 'wg-quick wants NAME.conf'],
  ['tunnel create t --file a-name-of-16-chr.conf', 'wg-quick wants NAME.conf'],
  ['tunnel update t', 'nothing to change'],
  ['tunnel file t', "required option '--key-file <file>'"],
  ['wait soon', 'a revision'],
  ['wait 1 --on p1 --tunnel t', 'exclude each other'],
])('usage: pop44 %s', async (line, says) => {
  const { client, sent } = recorder();
  const { code, stderr, stdout } = await cli(client, line === '' ? [] : line);
  expect(stderr).toContain(says);
  expect(code).toBe(2);
  expect([stdout, sent]).toEqual(['', []]);
});

test.each([['--help'], ['--version'], ['tunnel --help'], ['tunnel create --help'], ['wait -h']])(
  'pop44 %s is no error',
  async (line) => {
    const { code, stdout, stderr } = await cli(recorder().client, line);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toBe('');
  },
);

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
      'PREFIX            ID             REALM     SLABS  ALLOCATIONS  FROZEN  DESCRIPTION',
      '44.31.0.0/22      4-2c1f0000-22  internet  1      12           no      a\uFFFDb\uFFFD\uFFFD[2Jc',
      '2001:db8:44::/48  6-x            internet  0      0            no',
      '',
    ].join('\n'),
  );
});

test('a list in a pipe has tabs and no head, as JSON a message a line', async () => {
  const { client } = recorder(poolAnswers);
  const piped = (await cli(client, 'pool list')).stdout.split('\n');
  expect(piped[1]).toBe('2001:db8:44::/48\t6-x\tinternet\t0\t0\tno\t');
  const lines = (await cli(client, 'pool list -o json')).stdout.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { prefix: '44.31.0.0/22', allocations: '12', frozen: false },
    { prefix: '2001:db8:44::/48', allocations: '0', slabs: 0 },
  ]);
});

test('an empty list prints nothing', async () => {
  expect((await cli(recorder().client, 'pool list', { isTTY: true })).stdout).toBe('');
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
  const node = create(NodeStateSchema, { node: { id: 'p2', popId: 'p2' }, held: 'too much', appliedRevision: 4n });
  const { client } = recorder({ getStatus: { nodeId: 'p1', version: '1', nodes: [node], quarantinedKeys: ['pop/x'] } });
  const { stdout } = await cli(client, 'status');
  expect(stdout).toContain('unreadable\tpop/x\n');
  expect(stdout).toContain('p2\tp2\tno\t4\t0\t\t\ttoo much\n');
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
  expect(stderr).toContain('revision 12 is accepted and is not applied on p2, p3 within 2 s (pop44 wait 12)');
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
