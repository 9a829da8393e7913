//   a (kat | kap) --+
//                   bridge (ksw) -- client (kcl), kernel WireGuard that is nobody's but the test's
//   b (kbt | kbp) --+
//
// Two nodes with one key and one endpoint address, which moves from a to b with its MAC address. The clock is the one of
// the machine that `npm run test:kernel` boots.

import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { emptyDataplane, type Link, type Peer, put } from '#internal/dataplane/dataplane.ts';
import type { Fields, Log } from '#internal/log/log.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { openWg, type WgDriver } from './wg.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-take-'));
const said: { readonly event: string; readonly fields: Fields }[] = [];
const note = (event: string, fields: Fields = {}): number => said.push({ event, fields });
const log: Log = { info: note, warn: note, error: note };
const privateKey = (): string =>
  generateKeyPairSync('x25519').privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32).toString('base64');
const fileOf = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, `${text}\n`, { mode: 0o600 });
  return file;
};
const publicOf = (key: string): string => execFileSync('wg', ['pubkey'], { input: key, encoding: 'utf8' }).trim();
const nodeKey = privateKey();
const clientKey = privateKey();
const keyFile = fileOf('node.key', nodeKey);
const clientKeyFile = fileOf('client.key', clientKey);

const run = (space: string, ...argv: readonly string[]): string =>
  execFileSync('nsenter', [`--net=/run/netns/${space}`, ...argv], { encoding: 'utf8', stdio: 'pipe' });
const ip = (space: string, text: string): string => run(space, 'ip', ...text.split(' '));
const spaces = ['kat', 'kap', 'kbt', 'kbp', 'ksw', 'kcl'];
const endpoint = '198.18.0.1';
const clientAddress = '198.18.0.3';

interface NodeAt {
  readonly id: 'a' | 'b';
  readonly driver: WgDriver;
}
let nodes: Readonly<Record<'a' | 'b', NodeAt>>;

const link: Link = { name: 'p44w0', netns: 'pop', mtu: 1420, listenPort: 51820, fwmark: 0, privateKeyFile: keyFile };
const station: Peer = {
  link: 'p44w0',
  publicKey: publicOf(clientKey),
  allowedIps: ['44.31.0.7/32'],
  keepaliveSeconds: 0,
};

async function bring({ driver }: NodeAt, want: Peer): Promise<void> {
  const into = emptyDataplane();
  put(into, 'link', link);
  put(into, 'peer', want);
  const failures = await driver.apply(plan(into, { ...emptyDataplane(), ...(await driver.observe()) }));
  if (failures.length > 0) throw new Error(failures[0]?.message);
}

/** Calls the client anew: a peer that was there already would not call again for 5 s. */
async function push({ driver }: NodeAt): Promise<void> {
  const want = { ...station, endpoint: `${clientAddress}:6000`, keepaliveSeconds: 25 };
  const step = { kind: 'peer', key: `p44w0 ${station.publicKey}` } as const;
  const failures = await driver.apply([
    { ...step, op: 'remove', found: station },
    { ...step, op: 'add', want },
  ]);
  if (failures.length > 0) throw new Error(failures[0]?.message);
}
const handshakeOf = async ({ driver }: NodeAt): Promise<number> =>
  (await driver.telemetry('p44w0'))[0]?.lastHandshakeMs ?? 0;

const answers = (from: string, to: string): boolean =>
  spawnSync('nsenter', [`--net=/run/netns/${from}`, 'ping', '-n', '-c1', '-W1', to]).status === 0;

/** The endpoint's way leads to this node, and to no other. */
function holdEndpoint(id: 'a' | 'b'): void {
  const other = id === 'a' ? 'b' : 'a';
  ip(`k${other}t`, 'link set eth0 down');
  ip(`k${other}t`, 'address flush dev eth0');
  ip(`k${id}t`, `address replace ${endpoint}/24 dev eth0`);
  ip(`k${id}t`, 'link set eth0 up');
}

/** What the client's WireGuard got, understood or not. */
const packetsToClient = (): number => Number(/RX:[^\n]*\n\s*\d+\s+(\d+)/.exec(ip('kcl', '-s link show eth0'))?.[1]);

const setClock = (seconds: number): void => {
  execFileSync('date', ['-s', `@${seconds.toFixed(3)}`]);
};
const nowSeconds = (): number => realClock.wall().getTime() / 1000;

beforeAll(async () => {
  // Elsewhere the clock is not ours to set.
  if (process.env['POP44_KERNEL'] !== '1') throw new Error('run it by `npm run test:kernel`');
  mkdirSync('/run/netns', { recursive: true });
  for (const space of spaces) execFileSync('ip', ['netns', 'add', space]);
  ip('ksw', 'link add br0 type bridge');
  ip('ksw', 'link set br0 up');
  for (const space of ['kat', 'kbt', 'kcl']) {
    ip('ksw', `link add ${space} type veth peer name eth0 netns ${space}`);
    ip('ksw', `link set ${space} master br0 up`);
  }
  for (const space of ['kat', 'kbt']) ip(space, 'link set eth0 address 02:00:00:00:00:01');
  ip('kcl', `address add ${clientAddress}/24 dev eth0`);
  ip('kcl', 'link set eth0 up');
  const openNode = async (id: 'a' | 'b'): Promise<NodeAt> => {
    const runDir = join(directory, id);
    mkdirSync(runDir);
    const netns = { transport: `/run/netns/k${id}t`, pop: `/run/netns/k${id}p` };
    const driver = await openWg({ netns, runDir, privateKeyFiles: [keyFile], clock: realClock, log });
    return { id, driver };
  };
  nodes = { a: await openNode('a'), b: await openNode('b') };
});
afterAll(async () => {
  for (const { driver } of Object.values(nodes)) await driver.close();
  for (const space of spaces) execFileSync('ip', ['netns', 'del', space]);
  rmSync(directory, { recursive: true });
});

/** A has the client, and b stands by without its endpoint. */
beforeEach(async () => {
  const { a, b } = nodes;
  spawnSync('ip', ['-n', 'kcl', 'link', 'del', 'cl0']);
  for (const node of [a, b]) {
    spawnSync('ip', ['-n', `k${node.id}p`, 'link', 'del', 'p44w0']);
    await bring(node, station);
    ip(`k${node.id}p`, 'address add 44.31.0.1/32 dev p44w0');
    ip(`k${node.id}p`, 'route add 44.31.0.7/32 dev p44w0');
  }
  holdEndpoint('a');
  ip('kcl', 'link add cl0 type wireguard');
  const server = ['peer', publicOf(nodeKey), 'endpoint', `${endpoint}:51820`, 'allowed-ips', '0.0.0.0/0'];
  run('kcl', 'wg', 'set', 'cl0', 'listen-port', '6000', 'private-key', clientKeyFile, ...server);
  ip('kcl', 'address add 44.31.0.7/32 dev cl0');
  ip('kcl', 'link set cl0 up');
  ip('kcl', 'route add 44.31.0.1/32 dev cl0');
  await eventually(() => answers('kcl', '44.31.0.1'), 60_000);
});

test('the node uses the WireGuard of its kernel and says so once', () => {
  // Two nodes.
  const once = { event: 'wireguard-backend', fields: { backend: 'kernel' } };
  expect(said).toEqual([once, once]);
  expect(spawnSync('sh', ['-c', 'ps -e -o comm= | grep -x wireguard-go']).status).toBe(1);
});

test('a sibling that calls the client has it at once, and the client calls nobody [N7]', async () => {
  const { a, b } = nodes;
  expect(await handshakeOf(a)).toBeGreaterThan(0);
  expect(await handshakeOf(b)).toBe(0);
  // A called no one: the client did. From here on it only answers.
  holdEndpoint('b');
  const began = realClock.monotonicMs();
  await push(b);
  await eventually(async () => (await handshakeOf(b)) > 0, 10_000);
  await eventually(() => answers('kbp', '44.31.0.7'), 10_000);
  const took = realClock.monotonicMs() - began;
  expect(answers('kcl', '44.31.0.1')).toBe(true);
  // Left alone, the client would try its session until 15 s after its last answer (KEEPALIVE_TIMEOUT + REKEY_TIMEOUT).
  expect(took).toBeLessThan(10_000);
  process.stdout.write(`takeover on kernel WireGuard: ${took.toFixed(0)} ms from the call to an answered ping\n`);
});

test('a sibling whose clock is behind is refused until it passes the last call of the other [N7]', async () => {
  const { a, b } = nodes;
  // The client knows a call of a: only calls carry the time.
  await push(a);
  await eventually(async () => (await handshakeOf(a)) > 0, 10_000);
  const before = nowSeconds();
  const monotonic = realClock.monotonicMs();
  holdEndpoint('b');
  try {
    setClock(before - 3_600);
    const heard = packetsToClient();
    for (let calls = 0; calls < 5; calls += 1) {
      const had = packetsToClient();
      await push(b);
      await eventually(() => packetsToClient() > had, 10_000);
    }
    // All of them came, and none was answered: two seconds are many round trips.
    await realClock.sleep(2_000);
    expect(packetsToClient()).toBeGreaterThanOrEqual(heard + 5);
    expect(await handshakeOf(b)).toBe(0);
    expect(answers('kbp', '44.31.0.7')).toBe(false);
  } finally {
    setClock(before + (realClock.monotonicMs() - monotonic) / 1000);
  }
  await push(b);
  await eventually(async () => (await handshakeOf(b)) > 0, 10_000);
  await eventually(() => answers('kbp', '44.31.0.7'), 10_000);
});
