// Two nodes that have one endpoint, a link between them, and somebody who sends to the first.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessFwmark } from '#internal/dataplane/ownership.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { openRelay, type Relay, type RelayMode, type RelayPlace } from './relay.ts';

const withinMs = 20_000;
const endpoints = ['44.27.0.3', '2001:db8:1:e3::1'];
const place: RelayPlace = { own: '172.30.34.1', far: '172.30.34.2', first: true, endpoints, ports: [51820] };
const other: RelayPlace = { ...place, own: place.far, far: place.own, first: false };

const ip = (...args: readonly string[]): string => execFileSync('ip', args, { encoding: 'utf8' });
const inside = (netns: string, ...argv: readonly string[]): string => ip('netns', 'exec', netns, ...argv);

/** Prints `first-bytes length sender's-address` of what it hears, and `ready` before. */
const listener = `
  const { createSocket } = require('node:dgram');
  let open = 0;
  for (const [type, address] of [['udp4', '44.27.0.3'], ['udp6', '2001:db8:1:e3::1']])
    createSocket(type).bind(51820, address, () => { open += 1; if (open === 2) console.log('ready'); })
      .on('message', (data, from) => console.log(data.readUInt32LE(0), data.length, from.address));`;
/** Initiation, answer and two sizes of data, to both addresses. */
const sender = `
  const { createSocket } = require('node:dgram');
  for (const [type, address] of [['udp4', '44.27.0.3'], ['udp6', '2001:db8:1:e3::1']]) {
    const socket = createSocket(type);
    for (const [kind, length] of [[1, 148], [2, 92], [4, 96], [4, 1452]]) {
      const data = Buffer.alloc(length);
      data.writeUInt32LE(kind);
      socket.send(data, 51820, address);
    }
    setTimeout(() => socket.close(), 100);
  }`;

const namespaces = ['ra', 'rb', 'rc', 'rd', 'ra-pop', 'rb-pop', 'tunnel'];
const heard: Record<'ra' | 'rb', string[]> = { ra: [], rb: [] };
const listening: ReturnType<typeof spawn>[] = [];
let relays: readonly [Relay, Relay];
/** The pop namespaces are called after those: `ra-pop`. */
const relayOf = (name: 'ra' | 'rb'): Relay =>
  openRelay({ netns: { transport: `/run/netns/${name}`, pop: `/run/netns/${name}-pop` } });

async function listen(netns: 'ra' | 'rb'): Promise<void> {
  const child = spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', listener]);
  listening.push(child);
  child.stdout.setEncoding('utf8').on('data', (text: string) => heard[netns].push(...text.trim().split('\n')));
  await eventually(() => heard[netns].includes('ready'), withinMs);
}

beforeAll(async () => {
  mkdirSync('/run/netns', { recursive: true });
  for (const netns of namespaces) {
    ip('netns', 'add', netns);
    ip('-n', netns, 'link', 'set', 'lo', 'up');
  }
  const cable = (a: string, b: string, dev: string, ...addresses: readonly (readonly [string, string])[]): void => {
    ip('link', 'add', dev, 'netns', a, 'type', 'veth', 'peer', 'name', dev, 'netns', b);
    for (const [at, netns] of [a, b].entries()) {
      for (const pair of addresses)
        ip('-n', netns, 'addr', 'add', pair[at] ?? '', 'dev', dev, ...(pair[at]?.includes(':') ? ['nodad'] : []));
      ip('-n', netns, 'link', 'set', dev, 'up');
    }
  };
  cable('ra', 'rb', 'beat', ['172.30.34.1/24', '172.30.34.2/24']);
  cable('ra', 'rc', 'out', ['198.18.3.2/30', '198.18.3.1/30'], ['2001:db8:1:3::2/64', '2001:db8:1:3::1/64']);
  cable('rb', 'rd', 'side', ['172.30.35.1/24', '172.30.35.2/24']);
  for (const netns of ['ra', 'rb']) {
    inside(netns, 'sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0', 'net.ipv4.conf.default.rp_filter=0');
    ip('-n', netns, 'addr', 'add', '44.27.0.3/32', 'dev', 'lo');
    ip('-n', netns, 'addr', 'add', '2001:db8:1:e3::1/128', 'dev', 'lo', 'nodad');
  }
  ip('-n', 'rc', 'route', 'add', '44.27.0.3', 'via', '198.18.3.2');
  ip('-n', 'rd', 'route', 'add', '44.27.0.3', 'via', '172.30.35.1');
  ip('-n', 'rc', 'route', 'add', '2001:db8:1:e3::1', 'via', '2001:db8:1:3::2');
  relays = [relayOf('ra'), relayOf('rb')];
  await Promise.all([listen('ra'), listen('rb')]);
}, 60_000);

afterAll(async () => {
  for (const child of listening) child.kill();
  for (const netns of namespaces) ip('netns', 'del', netns);
});

/** What each has heard of one sending when the second one, or else the first, has all of it. */
async function sent(expected: readonly [number, number]): Promise<readonly [readonly string[], readonly string[]]> {
  heard.ra.length = 0;
  heard.rb.length = 0;
  inside('rc', process.execPath, '-e', sender);
  const enough = (): boolean => heard.ra.length >= expected[0] && heard.rb.length >= expected[1];
  await eventually(enough, withinMs);
  return [heard.ra.toSorted(), heard.rb.toSorted()];
}

const all = ['198.18.3.1', '2001:db8:1:3::1'].flatMap((from) =>
  ['1 148', '2 92', '4 96', '4 1452'].map((what) => `${what} ${from}`),
);
const answersAndData = all.filter((line) => !line.startsWith('1'));

test.each<[RelayMode, readonly string[], readonly string[]]>([
  ['copied', all, answersAndData],
  ['handed', answersAndData, all],
])(
  '%s: both nodes hear what is for either, of both families and in any size, as the client sent it [N8]',
  async (mode, a, b) => {
    await relays[1].open(other, 'copied');
    await relays[0].open(place, mode);
    // Twice, as who goes on does: nothing is sent twice by it.
    await relays[0].open(place, mode);
    expect(await sent([a.length, b.length])).toEqual([a.toSorted(), b.toSorted()]);
  },
);

/** One datagram from the endpoint, as WireGuard's socket has it: with its mark. */
const call = (port: number, kind: number): string =>
  inside(
    'rb',
    'perl',
    '-MSocket',
    '-e',
    `socket(my $s, PF_INET, SOCK_DGRAM, 0) or die; setsockopt($s, SOL_SOCKET, 36, pack("i", ${accessFwmark})) or die "mark: $!";
     setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); bind($s, sockaddr_in(0, inet_aton("172.30.35.1"))) or die;
     send($s, pack("V", ${kind}) . "x" x 144, 0, sockaddr_in(${port}, inet_aton("172.30.35.2"))) or print "refused";`,
  );
/** And one to it. */
const answer = (port: number): string =>
  inside(
    'rd',
    'perl',
    '-MSocket',
    '-e',
    `socket(my $s, PF_INET, SOCK_DGRAM, 0) or die; bind($s, sockaddr_in(${port}, inet_aton("172.30.35.2"))) or die;
     send($s, pack("V", 2) . "x" x 88, 0, sockaddr_in(51820, inet_aton("44.27.0.3"))) or die;`,
  );

test('of the node that comes, who has answered its call is not called again; others are, and other messages go [N8]', async () => {
  await relays[1].open(other, 'copied');
  const answered = (): string => inside('rb', 'nft', 'list', 'set', 'ip', 'pop44relay', 'answered');
  // Not what answers a call of the other node's.
  answer(4_001);
  expect(call(4_001, 1)).toBe('');
  expect(call(4_001, 1)).toBe('');
  expect(answered()).not.toContain('4001');
  answer(4_001);
  await eventually(() => answered().includes('172.30.35.2 . 4001'), withinMs);
  expect(call(4_001, 1)).toBe('refused');
  expect(call(4_001, 4)).toBe('');
  expect(call(4_002, 1)).toBe('');
  await relays[1].open(other, 'kept');
  expect(call(4_001, 1)).toBe('');
});

/** Echoes from behind an access interface of the second node to an address that the first one alone has. */
const reaches = (address: string, bytes: number): boolean => {
  try {
    inside('tunnel', 'ping', '-n', '-q', '-c', '1', '-W', '1', '-M', 'do', '-s', String(bytes), address);
    return true;
  } catch {
    return false;
  }
};

test('what tunnels send goes on by the sibling, of both families and whole, if it has an end; then its own way again [N8]', async () => {
  ip('link', 'add', 'p44w0', 'netns', 'rb-pop', 'type', 'veth', 'peer', 'name', 'p44w0', 'netns', 'tunnel');
  for (const [netns, host] of [
    ['rb-pop', 1],
    ['tunnel', 2],
  ] as const) {
    ip('-n', netns, 'addr', 'add', `44.31.0.${host}/24`, 'dev', 'p44w0');
    ip('-n', netns, 'addr', 'add', `2001:db8:44::${host}/64`, 'dev', 'p44w0', 'nodad');
    ip('-n', netns, 'link', 'set', 'p44w0', 'up');
  }
  ip('-n', 'tunnel', 'route', 'add', 'default', 'via', '44.31.0.1');
  ip('-n', 'tunnel', 'route', 'add', 'default', 'via', '2001:db8:44::1');
  const far = ['44.128.0.1', '2001:db8:9::1'];
  for (const address of far) ip('-n', 'ra-pop', 'addr', 'add', address, 'dev', 'lo');
  const forwards = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1'];
  for (const netns of ['ra-pop', 'rb-pop']) inside(netns, 'sysctl', '-qw', ...forwards);

  await relays[0].close();
  await relays[1].open(other, 'copied');
  expect(await relays[1].lead(other)).toBe(false);
  expect(ip('-n', 'rb-pop', 'rule', 'show')).not.toContain('4402');
  await relays[0].open(place, 'handed');
  expect(await relays[1].lead(other)).toBe(true);
  // Where replies come by is the fabric's part: here they come back by the link.
  ip('-n', 'ra-pop', 'route', 'add', '44.31.0.0/24', 'via', '169.254.46.2', 'dev', 'p44t');
  ip('-n', 'ra-pop', 'route', 'add', '2001:db8:44::/64', 'via', 'fe80::47:2', 'dev', 'p44t');
  // Whole: 1,420 bytes, as a tunnel has them.
  await eventually(() => reaches(far[0] ?? '', 1_392) && reaches(far[1] ?? '', 1_372), withinMs);
  await relays[1].part();
  expect(far.map((address) => reaches(address, 56))).toEqual([false, false]);
});

test('closed, nothing is left of it, whoever has opened it; the other one hears nothing [N8]', async () => {
  await relayOf('ra').close();
  await relayOf('ra').close();
  expect(await sent([all.length, 0])).toEqual([all.toSorted(), []]);
  expect(ip('-n', 'ra', '-br', 'link', 'show')).not.toContain('p44r');
  expect(ip('-n', 'ra-pop', '-br', 'link', 'show')).not.toContain('p44t');
  expect(inside('ra', 'nft', 'list', 'ruleset')).toBe('');
});
