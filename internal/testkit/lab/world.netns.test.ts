//                     host 198.18.100.10                 p1t --- uplink ---+
//                      |                                 p1p --- uplink ---+
//   +------------------+------------------------------ inet (AS 64500) ----+--- p2t, p2p, p3t, p3p
//   |                                                     |
//  cgnat 198.18.90.2, NAT                                cafe 198.18.95.2, NAT
//   |   100.64.0.0/24                                     |   192.168.88.0/24
//  home 100.64.0.2, NAT                                   |
//   |   192.168.44.0/24                                   |
//   +------------- eth0 --- client --- wlan0 -------------+       (one of the two at a time)

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { run } from '#internal/exec/exec.ts';
import { eventually } from '../eventually.ts';
import { raiseMeshByHand } from './mesh-by-hand.ts';
import { moveClient } from './network.ts';
import { etcdEndpoint, nodeFiles } from './node-files.ts';
import { startEtcd } from './raise.ts';
import { host4, host6 } from './topology.ts';
import { raiseWorld } from './world.ts';
import type { Step, World } from './world.ts';

const fetcher = fileURLToPath(new URL('./web-fetch.ts', import.meta.url));

let directory: string;
let world: World;
const steps: Step[] = [];

beforeAll(async () => {
  directory = await mkdtemp('/tmp/lab-');
  world = await raiseWorld({ directory, clock: realClock, onStep: (step) => steps.push(step) });
});

afterAll(async () => {
  await world.stop();
  await rm(directory, { recursive: true });
});

const fetched = async (netns: string, address: string, timeoutMs = 5000): Promise<string> =>
  (await world.exec(netns, [process.execPath, fetcher, address, String(timeoutMs)])).stdout;
const caller = (address: string): string => `${JSON.stringify({ caller: address })}\n`;
/** Milliseconds: each question starts a process, which takes a loaded machine a second by itself. */
const loaded = { timeout: 15_000 };
const url = (address: string): string => `http://${address.includes(':') ? `[${address}]` : address}/`;

test('the world stands within five seconds', () => {
  expect(steps.map((step) => step.name)).toEqual(['network', 'machines', 'internet', 'keys and certificates']);
  expect(steps.reduce((sum, step) => sum + step.ms, 0)).toBeLessThan(5000);
});

test('the client goes out through two NATs, and keeps its own IPv6 address', async () => {
  await expect.poll(() => fetched('client', url(host4)), loaded).toBe(caller('198.18.90.2'));
  expect(await fetched('client', url(host6))).toBe(caller('2001:db8:1:c::10'));
});

test('nobody on the internet reaches the client without a tunnel [U1]', async () => {
  expect(await fetched('client', 'http://127.0.0.1/')).toBe(caller('127.0.0.1'));
  for (const address of ['198.18.90.2', '2001:db8:1:c::10'])
    await expect(fetched('host', url(address), 1000)).rejects.toThrow(/ECONNREFUSED|timeout/);
});

test('the client moves to another network and another NAT, and back', async () => {
  await moveClient('cafe');
  await expect.poll(() => fetched('client', url(host4)), loaded).toBe(caller('198.18.95.2'));
  expect(await fetched('client', url(host6))).toBe(caller('2001:db8:1:d::10'));
  await moveClient('home');
  await expect.poll(() => fetched('client', url(host4)), loaded).toBe(caller('198.18.90.2'));
});

test('a node reaches the others by its transport, and nothing by its pop namespace until BGP says so', async () => {
  await world.exec('p1t', ['ping', '-c1', '-W2', '198.18.3.2']);
  await world.exec('p1t', ['ping', '-c1', '-W2', '2001:db8:1:3::2']);
  await expect(world.exec('p1p', ['ping', '-c1', '-W1', host4])).rejects.toThrow('Network is unreachable');
});

test('the transit takes what a customer may announce and nothing else, and gives a default route', async () => {
  const announced = {
    4: [
      '44.31.0.0/22',
      '44.31.1.0/24',
      '44.31.0.7/32',
      '10.0.0.0/8',
      '8.0.0.0/7',
      '198.18.100.0/24',
      '198.18.210.1/32',
    ],
    6: ['2001:db8:44::/48', '2001:db8:44:7::/64', 'fd00::/8', '2001:db8:1:64::/64', '2001:db8:1:f1::1/128'],
  };
  const session = (family: 4 | 6, neighbor: string): string => `
    protocol static out${family} { ipv${family}; ${announced[family].map((prefix) => `route ${prefix} unreachable;`).join(' ')} }
    protocol kernel { ipv${family} { export where source = RTS_BGP; }; }
    protocol bgp transit${family} {
      local as 4200000001; neighbor ${neighbor} as 64500; connect delay time 1; bfd on;
      ipv${family} { import all; export where source = RTS_STATIC; };
    }`;
  const text = `router id 198.18.210.1; protocol device {}
    protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; }; }
    ${session(4, '198.18.11.1')} ${session(6, '2001:db8:1:11::1')}`;
  const config = join(directory, 'p1p.conf');
  await writeFile(config, text);
  await world.serve('p1p-bird', 'p1p', [
    'bird',
    '-f',
    '-c',
    config,
    '-s',
    `${directory}/p1p.ctl`,
    '-P',
    `${directory}/p1p.pid`,
  ]);

  const learned = async (family: '-4' | '-6') =>
    (await world.exec('inet', ['ip', family, '-o', 'route', 'show', 'proto', 'bird'])).stdout
      .split('\n')
      .map((line) => line.split(' ')[0] ?? '')
      .filter((prefix) => prefix !== '')
      .sort();
  await expect.poll(() => learned('-4'), { timeout: 10_000 }).toEqual(['198.18.210.1', '44.31.0.0/22', '44.31.1.0/24']);
  await expect.poll(() => learned('-6'), { timeout: 10_000 }).toEqual(['2001:db8:1:f1::1', '2001:db8:44::/48']);
  await eventually(() => world.exec('p1p', ['ping', '-c1', '-W1', host4]), 5000);
  await eventually(() => world.exec('p1p', ['ping', '-c1', '-W1', host6]), 5000);
  // BFD: the routes are gone long before BGP's hold time.
  await world.service('p1p-bird').stop();
  await expect.poll(() => learned('-4'), { timeout: 3000 }).toEqual([]);
});

test('a service that dies is started again', async () => {
  const before = world.service('host-web').pid();
  // Process 0 would be all of our own group.
  if (before === undefined) throw new Error('host-web does not run');
  process.kill(before, 'SIGKILL');
  await eventually(() => world.service('host-web').restarts() === 1, 5000);
  await expect.poll(() => fetched('client', url(host4)).catch(() => ''), loaded).toBe(caller('198.18.90.2'));
  expect(world.service('host-web').pid()).not.toBe(before);
});

const etcdHealth = `
  const https = require('node:https');
  const { readFileSync } = require('node:fs');
  const [url, ca, cert, key] = process.argv.slice(1);
  const own = cert === undefined ? {} : { cert: readFileSync(cert), key: readFileSync(key) };
  https.get(url + '/health', { ca: readFileSync(ca), ...own }, (response) => response.pipe(process.stdout))
    .on('error', (error) => { console.error(error.code); process.exit(1); });
`;

test('etcd runs on the mesh alone, with TLS on both ends and no capability', async () => {
  await raiseMeshByHand(world);
  await startEtcd(world);
  for (const { node } of world.nodes) {
    const files = nodeFiles(node.id);
    const health = (...credentials: string[]) =>
      world.exec('p1t', [process.execPath, '-e', etcdHealth, etcdEndpoint(node), files.ca, ...credentials]);
    await eventually(
      async () => expect((await health(files.certificate, files.key)).stdout).toContain('"true"'),
      20_000,
    );
    await expect(health()).rejects.toThrow('exit code 1');
    const status = await readFile(`/proc/${world.service(`${node.id}-etcd`).pid() ?? 0}/status`, 'utf8');
    expect(status).toMatch(/CapEff:\s+0{16}\n/);
    expect(status).toMatch(/CapBnd:\s+0{16}\n/);
  }
});

test('a world that is stopped leaves no namespace, no process and no file behind', async () => {
  const before = new Set(await readdir('/proc'));
  await world.stop();
  expect((await run({ file: 'ip', args: ['netns', 'list'] })).stdout).toBe('');
  const left = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(left.map((pid) => readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')));
  expect(commands.map((command) => command.trim())).not.toContain('wireguard-go');
  expect(left.length).toBeLessThan(before.size);
  expect((await readdir('/run')).filter((name) => ['node', 'inet', 'machines'].includes(name))).toEqual([]);
});
