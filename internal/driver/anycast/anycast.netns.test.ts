// Two nodes that have one endpoint and one key, a mesh between them, and a client whose way leads to the one or the other.
//
//   client ---- inet ---- a, b (44.27.0.3 and 2001:db8:1:e3::1 on both)

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { type Anycast, emptyDataplane, put } from '#internal/dataplane/dataplane.ts';
import { anycastAddress } from '#internal/dataplane/ownership.ts';
import { plan } from '#internal/plan/plan.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { newPrivateKey, publicKeyOf } from '#internal/x25519/x25519.ts';
import { type AnycastDriver, openAnycast } from './anycast.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-anycast-'));
const endpoints = ['2001:db8:1:e3::1', '44.27.0.3'];
const number = { a: 1, b: 2 } as const;
type Node = keyof typeof number;
const anycast = (node: Node): Anycast => ({
  ...{ name: 'p44a', number: number[node], others: [node === 'a' ? 2 : 1], endpoints, ports: [51820] },
});
const drivers = {} as Record<Node, AnycastDriver>;

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8', stdio: 'pipe' });
const inside = (netns: string, ...argv: readonly string[]): string => ip('netns', 'exec', netns, ...argv);
const wg = (netns: string, ...args: readonly string[]): string => inside(netns, 'wg', ...args);

const serverKey = newPrivateKey();
const clientKey = newPrivateKey();
const client = publicKeyOf(clientKey).toString('base64');
const server = publicKeyOf(serverKey).toString('base64');
const clientAt = { 4: '198.18.3.2:40000', 6: '[2001:db8:1:3::2]:40000' } as const;

async function bring(node: Node, want: Anycast | undefined): Promise<readonly string[]> {
  const wanted = emptyDataplane();
  if (want !== undefined) put(wanted, 'anycast', want);
  const steps = plan(wanted, { ...emptyDataplane(), ...(await drivers[node].observe()) });
  expect(await drivers[node].apply(steps)).toEqual([]);
  return steps.map(({ op }) => op);
}
/** The internet's way to the endpoint. */
function leadTo(node: Node): void {
  const at = node === 'a' ? 1 : 2;
  ip('-n', 'yi', 'route', 'replace', '44.27.0.3', 'via', `198.18.${at}.2`);
  ip('-n', 'yi', 'route', 'replace', '2001:db8:1:e3::1', 'via', `2001:db8:1:${at}::2`);
}
/** Replies of so many pings, one each 20 ms, that go on while something happens. */
async function answered(count: number, bytes: number, happens?: () => Promise<void>): Promise<number> {
  const argv = ['netns', 'exec', 'yc', 'ping', '-n', '-q', '-i', '0.02', '-c', String(count), '-W', '1'];
  const probe = spawn('ip', [...argv, '-M', 'do', '-s', String(bytes), '10.9.0.1']);
  let told = '';
  probe.stdout.setEncoding('utf8').on('data', (text: string) => {
    told += text;
  });
  const ended = new Promise((resolve) => probe.on('close', resolve));
  await happens?.();
  await ended;
  return Number(/ (\d+) received/.exec(told)?.[1]);
}
const received = (node: Node): number => Number(wg(`y${node}`, 'show', `y${node}`, 'transfer').split('\t')[1] ?? 0);

beforeAll(async () => {
  mkdirSync('/run/netns', { recursive: true });
  mkdirSync('/run/wireguard', { recursive: true });
  for (const netns of ['ya', 'yb', 'yi', 'yc']) {
    ip('netns', 'add', netns);
    ip('-n', netns, 'link', 'set', 'lo', 'up');
    inside(netns, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
    inside(netns, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    inside(netns, 'sysctl', '-qw', 'net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.dad_transmits=0');
  }
  for (const [at, netns] of ['ya', 'yb', 'yc'].entries()) {
    const n = at + 1;
    ip('link', 'add', netns, 'netns', 'yi', 'type', 'veth', 'peer', 'name', 'uplink', 'netns', netns);
    ip('-n', 'yi', 'addr', 'add', `198.18.${n}.1/30`, 'dev', netns);
    ip('-n', 'yi', 'addr', 'add', `2001:db8:1:${n}::1/64`, 'dev', netns, 'nodad');
    ip('-n', netns, 'addr', 'add', `198.18.${n}.2/30`, 'dev', 'uplink');
    ip('-n', netns, 'addr', 'add', `2001:db8:1:${n}::2/64`, 'dev', 'uplink', 'nodad');
    ip('-n', 'yi', 'link', 'set', netns, 'up');
    ip('-n', netns, 'link', 'set', 'uplink', 'up');
    ip('-n', netns, 'route', 'add', 'default', 'via', `198.18.${n}.1`);
    ip('-n', netns, 'route', 'add', 'default', 'via', `2001:db8:1:${n}::1`);
  }
  // The mesh, with less room than what is relayed.
  ip(
    'link',
    'add',
    'p44m',
    'mtu',
    '1380',
    'netns',
    'ya',
    'type',
    'veth',
    'peer',
    'name',
    'p44m',
    'mtu',
    '1380',
    'netns',
    'yb',
  );
  for (const node of ['a', 'b'] as const) {
    const netns = `y${node}`;
    ip('-n', netns, 'link', 'set', 'p44m', 'up');
    ip('-n', netns, 'addr', 'add', '44.27.0.3/32', 'dev', 'lo');
    ip('-n', netns, 'addr', 'add', '2001:db8:1:e3::1/128', 'dev', 'lo', 'nodad');
    writeFileSync(join(directory, 'server'), serverKey.toString('base64'), { mode: 0o600 });
    inside(netns, 'wireguard-go', netns);
    wg(netns, 'set', netns, 'listen-port', '51820', 'fwmark', '0x44', 'private-key', join(directory, 'server'));
    wg(netns, 'set', netns, 'peer', client, 'allowed-ips', '10.9.0.2/32');
    ip('-n', netns, 'addr', 'add', '10.9.0.1/24', 'dev', netns);
    ip('-n', netns, 'link', 'set', netns, 'mtu', '1420', 'up');
    const runDir = mkdtempSync(join(directory, node));
    // Of any process there.
    writeFileSync(join(runDir, 'transport.bird.pid'), ip('netns', 'pids', netns).split('\n')[0] ?? '');
    drivers[node] = openAnycast({ netns: `/run/netns/${netns}`, runDir, clock: realClock });
  }
  writeFileSync(join(directory, 'client'), clientKey.toString('base64'), { mode: 0o600 });
  inside('yc', 'wireguard-go', 'yc');
  wg('yc', 'set', 'yc', 'listen-port', '40000', 'private-key', join(directory, 'client'));
  ip('-n', 'yc', 'addr', 'add', '10.9.0.2/24', 'dev', 'yc');
  ip('-n', 'yc', 'link', 'set', 'yc', 'mtu', '1420', 'up');
  leadTo('b');
}, 60_000);

afterAll(async () => {
  for (const driver of Object.values(drivers)) await driver.close();
  for (const netns of ['ya', 'yb', 'yi', 'yc']) {
    for (const pid of ip('netns', 'pids', netns)
      .split('\n')
      .filter((line) => line !== ''))
      process.kill(Number(pid));
    ip('netns', 'del', netns);
  }
  rmSync(directory, { recursive: true });
});

test('what was applied is what is observed; what a hand took away is not, and comes again', async () => {
  for (const node of ['a', 'b'] as const) expect(await bring(node, anycast(node))).toEqual(['add']);
  expect(await bring('a', anycast('a'))).toEqual([]);
  // By the next process of ours too.
  const again = openAnycast({ netns: '/run/netns/ya', runDir: '/nowhere', clock: realClock });
  expect((await again.observe()).anycast.size).toBe(0);
  ip('-n', 'ya', 'route', 'del', anycastAddress(2), 'dev', 'p44m');
  expect(await bring('a', anycast('a'))).toEqual(['add']);
  inside('ya', 'nft', 'delete', 'table', 'ip6', 'pop44a');
  expect(await bring('a', anycast('a'))).toEqual(['add']);
  ip('-n', 'ya', 'link', 'del', 'p44a');
  expect(await bring('a', anycast('a'))).toEqual(['add']);
});

test.each([4, 6] as const)(
  'a client whose way leads elsewhere goes on in its session, with full packets, and by IPv%d [N8]',
  async (family) => {
    leadTo('b');
    const endpoint = family === 4 ? '44.27.0.3:51820' : '[2001:db8:1:e3::1]:51820';
    wg('yc', 'set', 'yc', 'peer', server, 'endpoint', endpoint, 'allowed-ips', '10.9.0.1/32');
    await eventually(async () => (await answered(1, 56)) === 1, 10_000);
    const seconds = 200;
    await drivers.a.hold([{ endpoint: clientAt[family], number: number.b, seconds }], false);
    const before = received('a');
    // A neighbour is asked for once.
    leadTo('a');
    await eventually(async () => (await answered(1, 56)) === 1, 5_000);
    leadTo('b');
    expect(await answered(100, 1392, async () => leadTo('a'))).toBe(100);
    expect(received('a')).toBe(before);
    expect(await drivers.a.relayed()).toContainEqual({ endpoint: clientAt[family], agoMs: expect.any(Number) });
    // Nothing new: nothing is looked up.
    expect(await drivers.a.relayed()).toBeUndefined();
    await drivers.a.hold([{ endpoint: clientAt[family], seconds: 1 }], false);
    expect(await answered(5, 56)).toBe(0);
    await drivers.a.hold([{ endpoint: clientAt[family], number: number.b, seconds }], false);
    await drivers.a.hold([{ endpoint: clientAt[family], number: number.b, seconds: 2 }], false);
    expect(await answered(5, 56)).toBe(5);
    await eventually(async () => (await answered(1, 56)) === 0, 10_000);
    await drivers.a.hold([{ endpoint: clientAt[family], number: number.b, seconds }], false);
    expect(await answered(5, 56)).toBe(5);
    await drivers.a.hold([{ endpoint: clientAt[family], seconds: 1 }], false);
  },
  60_000,
);

test('a node that calls a client which is relayed takes its session over, and no packet is lost [N8]', async () => {
  leadTo('b');
  wg('yc', 'set', 'yc', 'peer', server, 'remove');
  wg('yc', 'set', 'yc', 'peer', server, 'endpoint', '44.27.0.3:51820', 'allowed-ips', '10.9.0.1/32');
  await eventually(async () => (await answered(1, 56)) === 1, 10_000);
  await drivers.a.hold([{ endpoint: clientAt[4], number: number.b, seconds: 200 }], false);
  const replies = await answered(100, 1000, async () => {
    leadTo('a');
    await eventually(async () => (await drivers.a.relayed())?.some(({ endpoint }) => endpoint === clientAt[4]), 5_000);
    await drivers.a.called([clientAt[4]], true);
    wg('ya', 'set', 'ya', 'peer', client, 'endpoint', clientAt[4], 'persistent-keepalive', '25');
    // More than a handshake's bytes: what the client said in its old session, which is b's, has come by then.
    await eventually(() => Number(wg('ya', 'show', 'ya', 'transfer').split('\t')[1]) > 1_000, 5_000);
    await drivers.a.hold([{ endpoint: clientAt[4], seconds: 1 }], false);
    await drivers.a.called([clientAt[4]], false);
  });
  expect(replies).toBe(100);
  const before = received('b');
  expect(await answered(10, 56)).toBe(10);
  expect(received('b')).toBe(before);
}, 60_000);

test('nothing but datagrams for the endpoint comes in by the link', async () => {
  const script = `
    const { createSocket } = require('node:dgram');
    createSocket('udp4').bind(5555, () => console.log('ready')).on('message', () => console.log('heard'));`;
  const listener = spawn('ip', ['netns', 'exec', 'yb', process.execPath, '-e', script]);
  let heard = '';
  listener.stdout.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  await eventually(() => heard.includes('ready'), 10_000);
  ip('-n', 'ya', 'route', 'add', '198.18.2.2', 'via', '248.0.0.2', 'dev', 'p44a', 'onlink');
  inside('ya', 'bash', '-c', 'echo x > /dev/udp/198.18.2.2/5555');
  ip('-n', 'ya', 'route', 'del', '198.18.2.2', 'dev', 'p44a');
  inside('ya', 'bash', '-c', 'echo x > /dev/udp/198.18.2.2/5555');
  await eventually(() => heard.includes('heard'), 5_000);
  expect(heard.match(/heard/g)).toHaveLength(1);
  listener.kill();
});

test('removed, nothing is left of it', async () => {
  for (const node of ['a', 'b'] as const) expect(await bring(node, undefined)).toEqual(['remove']);
  expect(ip('-n', 'ya', '-br', 'link', 'show')).not.toContain('p44a');
  expect(ip('-n', 'ya', 'route', 'show')).not.toContain('240.');
  expect(inside('ya', 'nft', 'list', 'ruleset')).toBe('');
  // What is told meanwhile is there when the link is.
  await drivers.a.hold([{ endpoint: clientAt[4], number: 2, seconds: 60 }], false);
  expect(await drivers.a.relayed()).toBeUndefined();
  await bring('a', anycast('a'));
  const map = (): string => inside('ya', 'nft', 'list', 'map', 'ip', 'pop44a', 'elsewhere');
  expect(map()).toContain('198.18.3.2 . 40000');
  // What is not among all there are is held no more, whoever has put it there.
  await drivers.a.hold([{ endpoint: '198.18.3.3:40000', number: 2, seconds: 60 }], true);
  expect([map().includes('198.18.3.2'), map().includes('198.18.3.3 . 40000')]).toEqual([false, true]);
  await drivers.a.hold([], true);
  expect(map()).not.toContain('elements');
  await bring('a', undefined);
});

test.each<[string, Partial<Anycast>]>([
  ['the link of an anycast group', { name: 'p44m' }],
  ['the number of a node', { others: [2 ** 27] }],
  ['an address', { endpoints: ['44.27.0.3 accept; }'] }],
  ['a port', { ports: [0] }],
  ['one port at least', { ports: [] }],
])('what is not %s reaches no tool', async (what, change) => {
  const want = { ...anycast('a'), ...change };
  const failures = await drivers.a.apply([{ op: 'add', kind: 'anycast', key: 'p44a', want }]);
  expect(failures[0]?.message).toContain(what);
  await expect(drivers.a.called(['198.18.1.1 } :5'], true)).rejects.toThrow('an endpoint');
});
