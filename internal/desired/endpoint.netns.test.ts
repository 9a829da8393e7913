import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { execPath } from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kept, keep, run } from '#internal/exec/exec.ts';

// A client and a node whose endpoint stands on the interface that the client comes by, as on a LAN, with the golden ruleset.
const [client, node] = ['epc', 'epn'];
const endpoint = { 4: '198.18.200.1', 6: '2001:db8:1:e1::1' } as const;
const uplink = { 4: '198.18.1.2', 6: '2001:db8:1:1::2' } as const;
const ownPort = 51820;

const ip = (space: string, ...args: readonly string[]): string =>
  execFileSync('ip', ['-n', space, ...args], { encoding: 'utf8' });

/** In place of WireGuard, which answers from the address that it was sent to. */
const answering = `
  for (const address of process.argv.slice(1)) {
    const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (packet, { port, address }) => socket.send(packet, port, address));
    socket.bind(${ownPort}, address, () => console.log(address));
  }`;
/** Who hears an answer from where it has sent to, tells so. */
const asking = `
  const [address, port] = process.argv.slice(1);
  const socket = require('node:dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const transport = Buffer.alloc(32);
  transport[0] = 4;
  const end = (heard) => { console.log(heard); process.exit(0); };
  socket.on('message', () => end('answered'));
  socket.connect(Number(port), address, () => socket.send(transport));
  setTimeout(end, 2000, 'silence');`;

let server: Kept;
beforeAll(async () => {
  mkdirSync('/run/netns', { recursive: true });
  for (const name of [client, node]) execFileSync('ip', ['netns', 'add', name]);
  ip(client, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', node);
  for (const [space, last] of [
    [client, 9],
    [node, 2],
  ] as const) {
    ip(space, 'address', 'add', `198.18.1.${last}/24`, 'dev', 'eth0');
    ip(space, 'address', 'add', `2001:db8:1:1::${last}/64`, 'dev', 'eth0', 'nodad');
    for (const link of ['lo', 'eth0']) ip(space, 'link', 'set', link, 'up');
  }
  ip(node, 'address', 'add', `${endpoint[4]}/32`, 'dev', 'eth0', 'metric', '4400');
  ip(node, 'address', 'add', `${endpoint[6]}/128`, 'dev', 'eth0', 'metric', '4400', 'nodad', 'preferred_lft', '0');
  for (const family of [4, 6] as const) ip(client, 'route', 'add', endpoint[family], 'via', uplink[family]);
  const text = await readFile(new URL('testdata/p1.transport.nft', import.meta.url), 'utf8');
  const netns = `/run/netns/${node}`;
  await run({ file: 'nft', args: ['-f', '-'], netns, input: `table inet pop44 {\n${text}\n}\n` });
  const listening = [endpoint[4], endpoint[6], uplink[4], uplink[6]];
  const heard = Promise.withResolvers<void>();
  let waiting = listening.length;
  server = await keep({
    file: execPath,
    args: ['-e', answering, ...listening],
    netns,
    onStdout: () => {
      waiting -= 1;
      if (waiting === 0) heard.resolve();
    },
    onExit: (reason) => heard.reject(new Error(reason)),
  });
  await heard.promise;
});
afterAll(async () => {
  await server.stop();
  for (const name of [client, node]) execFileSync('ip', ['netns', 'del', name]);
});

// `redirect` leads a port to an address of the interface: of IPv4 its first, of IPv6 its newest, which is the endpoint itself.
test.each([
  [4, ownPort],
  [6, ownPort],
  [4, 443],
  [6, 443],
  [4, 53],
  [6, 123],
] as const)('a client hears its answer from where it has sent to: by IPv%i and port %i [T5]', async (family, port) => {
  const args = ['-e', asking, endpoint[family], String(port)];
  const { stdout } = await run({ file: execPath, args, netns: `/run/netns/${client}` });
  expect(stdout.trim()).toBe('answered');
});
