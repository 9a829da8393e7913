import { expect, test } from 'vitest';
import { cli } from '#internal/testkit/cli-world.ts';
import { recorder } from '#internal/testkit/recorder.ts';

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
  ['pop update p3 --single-homed --etag 7', 'updatePop', { change: { etag: '7' }, pop: 'p3', singleHomed: true }],
  ['pop update p3 --no-single-homed', 'updatePop', { change, pop: 'p3', singleHomed: false }],
  ['interconnect delete p1-p2 --etag 7', 'deleteInterconnect', { change: { etag: '7' }, interconnect: 'p1-p2' }],
  ['upstream delete p1-pop --etag 7', 'deleteUpstream', { change: { etag: '7' }, upstream: 'p1-pop', force: false }],
  ['node remove p4 --etag 7', 'removeNode', { change: { etag: '7' }, node: 'p4', force: false, keepPlace: false }],
  ['node remove p4 --force --keep-place', 'removeNode', { change, node: 'p4', force: true, keepPlace: true }],
  ['upstream delete p1-pop --force', 'deleteUpstream', { change, upstream: 'p1-pop', force: true }],
  ['interconnect delete p1-p2 --force', 'deleteInterconnect', { change, interconnect: 'p1-p2', force: true }],
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
  [
    'pop update p3 --endpoint-mode l2 --gateway4 198.18.3.1 --gateway6 none',
    'updatePop',
    { change, pop: 'p3', endpointMode: 1, gateway4: '198.18.3.1', gateway6: '' },
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
  ['mesh', 'getMesh', {}],
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
  ['pool list -o xml', 'Allowed choices are table, wide, json, jsonl, yaml'],
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
