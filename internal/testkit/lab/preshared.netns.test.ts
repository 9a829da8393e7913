//   A client with a tunnel, whose pre-shared key is made, changed and taken for granted: what a user does, with the CLI.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { programFile } from '../programs.ts';
import { adminContext } from './admin.ts';
import { nodeFiles } from './node-files.ts';
import { nodeDirectory } from './places.ts';
import { raiseLab } from './raise.ts';
import { host4 } from './topology.ts';
import type { World } from './world.ts';

const directory = '/tmp/preshared';
const program = programFile('pop44d');
const at = (name: string): string => join(directory, 'client', name);
const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };

let lab: World;
let client: Client;

async function run(line: string): Promise<void> {
  const { code, stderr } = await cli(client, line);
  expect([line, code, code === 0 ? '' : stderr]).toEqual([line, 0, '']);
}
const up = (file: string) => lab.exec('client', ['wg-quick', 'up', at(file)], { env });
const down = (file: string) => lab.exec('client', ['wg-quick', 'down', at(file)]);
/** Pings of 50 ms; gives how many of them came back. */
async function answered(count: number): Promise<number> {
  const argv = ['ping', '-n', '-q', '-c', String(count), '-i', '0.05', '-W', '1', host4];
  const { stdout } = await lab.exec('client', argv, { accept: [0, 1], timeoutMs: 30_000 });
  return Number(/(\d+) received/.exec(stdout)?.[1]);
}

/** Node and PoP that the client's file leads to. */
async function home(): Promise<{ readonly node: string; readonly pop: string }> {
  const endpoint = /^Endpoint = (.+):\d+$/m.exec(await readFile(at('second.conf'), 'utf8'))?.[1] ?? '';
  const { pops } = await client.fabric.listPops({});
  const pop = pops.find(({ endpoint4 }) => endpoint4 === endpoint)?.id ?? '';
  return { node: lab.nodes.find((each) => each.node.endpoint4 === endpoint)?.node.id ?? '', pop };
}

beforeAll(async () => {
  lab = await raiseLab({ directory, clock: realClock });
  client = openClient(adminContext(lab));
  await mkdir(join(directory, 'client'), { recursive: true });
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  await run(`tunnel create station --file ${at('first.conf')} --preshared-key --wait`);
}, 60_000);
afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test('a session that lives outlasts a rotation, and the next handshake wants the new key [T6]', async () => {
  await up('first.conf');
  await eventually(async () => (await answered(1)) === 1, 10_000);
  const pings = answered(100);
  await run(`tunnel rotate-psk station --key-file ${at('first.conf')} --file ${at('second.conf')} --wait`);
  expect(await pings).toBe(100);
  await down('first.conf');

  // The key of before opens no new session: not one packet comes back in the time of several tries.
  await up('first.conf');
  expect(await answered(40)).toBe(0);
  await down('first.conf');
  await up('second.conf');
  await eventually(async () => (await answered(1)) === 1, 10_000);
  await down('second.conf');
}, 90_000);

test('a client that has the private key alone does not come in [T6]', async () => {
  const text = await readFile(at('second.conf'), 'utf8');
  await writeFile(at('bare.conf'), text.replace(/^PresharedKey.*\n/m, ''), { mode: 0o600 });
  await up('bare.conf');
  expect(await answered(40)).toBe(0);
  await down('bare.conf');
  await up('second.conf');
  await eventually(async () => (await answered(1)) === 1, 10_000);
}, 60_000);

test('a sealing identity is rotated and its older one forgotten; sessions go on, and a device that dies gets its keys back [T6]', async () => {
  const { node } = await home();
  const { config } = nodeFiles(node);
  const sealingKey = async (...flags: readonly string[]): Promise<string> => {
    const argv = [process.execPath, program, 'sealing-key', '--config', config, ...flags];
    return (await lab.exec(`${node}t`, argv)).stdout.trim();
  };
  const pings = answered(200);
  const recipient = await sealingKey('--rotate');
  await expect(sealingKey('--forget')).rejects.toThrow('still sealed to an older identity');
  await run(`node sealing-key ${node} ${recipient} --wait`);
  const places = [`${nodeDirectory(node)}/sealing.agekey`, `${nodeDirectory(node)}/state/snapshot`];
  await run(`node reseal ${node} --identity ${places[0]} --records ${places[1]}`);
  // Until the daemon has saved what came of it.
  await eventually(() => sealingKey('--forget'), 20_000);
  expect(await pings).toBe(200);
  expect(await sealingKey()).toBe(recipient);

  const dead = await readFile(`${nodeDirectory(node)}/run/p44w0.pid`, 'utf8').catch(() => '');
  expect(Number(dead)).toBeGreaterThan(0);
  process.kill(Number(dead), 'SIGKILL');
  await eventually(async () => (await answered(1)) === 1, 60_000);
}, 120_000);

test('the key of a PoP changes hands in a window: the old file and the new one work, and when it ends the new one goes on [T6]', async () => {
  const { node, pop } = await home();
  const shook = async (link: string): Promise<number> => {
    const { stdout } = await lab.exec(`${node}p`, ['wg', 'show', link, 'latest-handshakes'], { accept: [0, 1] });
    return Math.max(0, ...stdout.split('\n').map((line) => Number(line.split('\t')[1] ?? 0)));
  };
  const { tunnel } = await client.tunnels.getTunnel({ tunnel: 'station' });
  const own = tunnel?.prefixes.find((prefix) => prefix.endsWith('/32'))?.split('/')[0] ?? '';
  /** From the internet, by the route that leads to the station. */
  const reached = () => lab.exec('host', ['ping', '-n', '-c1', '-W1', own]);

  const opening = answered(100);
  await run(`pop key rotate ${pop} --window 1h --wait`);
  expect(await opening).toBe(100);
  expect(await shook('p44w1')).toBe(0);
  await run(`tunnel file station --key-file ${at('second.conf')} --out ${at('third.conf')}`);
  await down('second.conf');
  await up('third.conf');
  await eventually(async () => (await answered(1)) === 1, 10_000);
  expect(await shook('p44w1')).toBeGreaterThan(0);
  await eventually(reached, 10_000);
  // Back to the old file, as who has mislaid the new one: the way follows.
  await down('third.conf');
  await up('second.conf');
  await eventually(async () => (await answered(1)) === 1, 10_000);
  await down('second.conf');
  await up('third.conf');
  await eventually(reached, 10_000);

  const ending = answered(100);
  await run(`pop key rotate ${pop} --finish --wait`);
  expect(await ending).toBe(100);
  await reached();
  expect((await lab.exec(`${node}p`, ['wg', 'show', 'interfaces'])).stdout).not.toContain('p44w0');
  await down('third.conf');
  await up('second.conf');
  expect(await answered(40)).toBe(0);
  await down('second.conf');
  await up('third.conf');
  await eventually(async () => (await answered(1)) === 1, 10_000);
}, 120_000);
