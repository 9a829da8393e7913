//   client ==== tunnel ==== p1 (north): HTB on p44w0 towards the client,
//                            |           HTB on the choke p44u0 -> p44u1 away from it
//                           inet ---- host (iperf3)
//
// Rates low enough that the processor is not the limit, whoever else uses the machine.

import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair } from './node-files.ts';
import { raiseLab } from './raise.ts';
import { host4, host6 } from './topology.ts';
import type { World } from './world.ts';

const station = newWgKeyPair();
let lab: World;
let client: Client;

const tc = async (...args: readonly string[]): Promise<string> => (await lab.exec('p1p', ['tc', ...args])).stdout;
const classes = async (dev: string): Promise<string> => tc('class', 'show', 'dev', dev);

async function applied(revision: bigint): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  for await (const answer of client.status.waitApplied({ revision }, { signal }))
    if (answer.pendingNodeIds.length === 0) return;
}
async function setRates(rateUpBitPerSecond: bigint, rateDownBitPerSecond: bigint): Promise<void> {
  const request = { tunnel: 'station', rateUpBitPerSecond, rateDownBitPerSecond };
  const { changed } = await client.tunnels.updateTunnel(request);
  await applied(changed?.revision ?? 0n);
}

interface Flow {
  readonly direction: 'up' | 'down';
  readonly protocol: 'tcp' | 'udp';
  readonly to?: string;
  readonly seconds?: number;
}
interface Report {
  readonly start: { readonly tcp_mss_default?: number };
  readonly end: {
    readonly sum: { readonly packets: number; readonly lost_packets: number; readonly seconds: number };
    readonly sum_received: { readonly bits_per_second: number };
  };
}
const udpPayload = 1_200;

/** Bits a second of IP packets that arrive, once the buffers have filled. */
async function measured({ direction, protocol, to = host4, seconds = 5 }: Flow): Promise<number> {
  const how = protocol === 'udp' ? ['-u', '-b', '15M', '-l', String(udpPayload)] : ['-O', '2'];
  const argv = ['iperf3', '-c', to, '-J', '-t', String(seconds), ...how, ...(direction === 'down' ? ['-R'] : [])];
  // One that came a moment ago may still be on its way out of the server.
  const { stdout } = await eventually(() => lab.exec('client', argv, { timeoutMs: 30_000 }), 15_000);
  const { start, end } = JSON.parse(stdout) as Report;
  if (protocol === 'tcp') {
    // Full segments of the tunnel's MTU.
    return (end.sum_received.bits_per_second * 1_420) / (start.tcp_mss_default ?? 0);
  }
  const header = to.includes(':') ? 48 : 28;
  const arrived = end.sum.packets - end.sum.lost_packets;
  return (arrived * (udpPayload + header) * 8) / end.sum.seconds;
}

const near = (bits: number, rate: number): void => {
  expect(bits).toBeGreaterThan(rate * 0.95);
  expect(bits).toBeLessThan(rate * 1.05);
};

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/shaping', clock: realClock, nodes: 2 });
  client = openClient(adminContext(lab));
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { changed } = await client.tunnels.createTunnel({
    name: 'station',
    publicKey: station.publicKey,
    homePopId: 'north',
  });
  await applied(changed?.revision ?? 0n);
  await lab.serve('host-iperf', 'host', ['iperf3', '-s']);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'north' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: station.privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  for (const address of [host4, host6])
    await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', address]), 15_000);
}, 60_000);

afterAll(async () => {
  client?.close();
  await lab?.stop();
});

/** Packets that passed a shaper or a class so far. */
async function packetsOf(kind: 'qdisc' | 'class', dev: string, line: string): Promise<number> {
  const text = await tc('-s', kind, 'show', 'dev', dev);
  const from = text.indexOf(line);
  return from < 0 ? 0 : Number(/Sent \d+ bytes (\d+) pkt/.exec(text.slice(from))?.[1]);
}
const packetsThroughChoke = (): Promise<number> => packetsOf('qdisc', 'p44u0', 'qdisc htb 1: ');

test('an unshaped tunnel has no class, is not slowed, and goes past the choke [T9]', async () => {
  const before = await packetsThroughChoke();
  expect(await measured({ direction: 'up', protocol: 'tcp', seconds: 2 })).toBeGreaterThan(20e6);
  expect(await measured({ direction: 'down', protocol: 'tcp', seconds: 2 })).toBeGreaterThan(20e6);
  expect(await packetsThroughChoke()).toBe(before);
  expect(await classes('p44w0')).not.toMatch(/ceil [68]Mbit/);
});

describe('[T9] a rate holds within 5 % of IP bytes', () => {
  beforeAll(async () => {
    await setRates(6_000_000n, 8_000_000n);
    await eventually(async () => (await classes('p44w0')).includes('ceil 8Mbit'), 10_000);
  });

  test('TCP up', async () => near(await measured({ direction: 'up', protocol: 'tcp' }), 6e6));
  test('TCP down, by IPv6', async () => near(await measured({ direction: 'down', protocol: 'tcp', to: host6 }), 8e6));
  test('UDP up, by IPv6', async () => near(await measured({ direction: 'up', protocol: 'udp', to: host6 }), 6e6));
  test('UDP down', async () => near(await measured({ direction: 'down', protocol: 'udp' }), 8e6));
});

test('a new rate holds at once, under traffic, by a change of the class alone [T9]', async () => {
  const flow = measured({ direction: 'down', protocol: 'udp', seconds: 8 });
  const before = await packetsOf('class', 'p44w0', ' ceil 8Mbit ');
  await eventually(async () => (await packetsOf('class', 'p44w0', ' ceil 8Mbit ')) > before + 500, 10_000);
  await setRates(6_000_000n, 5_000_000n);
  expect(await classes('p44w0')).toContain('ceil 5Mbit');
  expect(await classes('p44w0')).not.toContain('ceil 8Mbit');
  await flow;
  near(await measured({ direction: 'down', protocol: 'tcp' }), 5e6);
});

test('wireguard-go that was killed takes the classes away, and they come back before its peers [T9]', async () => {
  const { stdout } = await lab.exec('p1t', [
    'sh',
    '-c',
    `ps -eo pid=,args= | grep -E 'wireguard-go p44w0$' | grep -v grep`,
  ]);
  const inTransport = new Set((await lab.exec('p1t', ['ip', 'netns', 'pids', 'p1t'])).stdout.split('\n'));
  const pids = stdout.split('\n').map((line) => line.trim().split(' ')[0] ?? '');
  for (const pid of pids) if (pid !== '' && inTransport.has(pid)) process.kill(Number(pid), 'SIGKILL');
  await eventually(async () => {
    const peers = (await lab.exec('p1p', ['wg', 'show', 'p44w0', 'peers'])).stdout.trim();
    if (peers === '') throw new Error('no peers yet');
    // Whenever there are peers, there are classes.
    expect(await classes('p44w0')).toContain('class htb 1:2 ');
    return true;
  }, 15_000);
  await eventually(async () => (await classes('p44w0')).includes('ceil 5Mbit'), 30_000);
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), 20_000);
  near(await measured({ direction: 'down', protocol: 'tcp' }), 5e6);
});

test('no rate is no class: the tunnel is free again [T9]', async () => {
  await setRates(0n, 0n);
  expect(await classes('p44w0')).not.toContain('ceil 5Mbit');
  expect(await measured({ direction: 'down', protocol: 'tcp', seconds: 2 })).toBeGreaterThan(20e6);
});
