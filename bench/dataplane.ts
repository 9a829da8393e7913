// Dataplane: what namespaces, firewall, accounting and shaping cost a packet, beside bare WireGuard on the same node in
// the same run, in interleaved pairs.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { noiseKeysOf } from '#internal/testkit/noise.ts';
import { onBare } from './bare.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Figures, figure, median, quantile } from './report.ts';

const node = 'p1';
const home = 'north';
const pools = ['44.31.0.0/18', '2001:db8:4000::/40'];
const host4 = '198.18.100.10';

interface Station {
  readonly tunnel: string;
  /** Its fixed IPv4 address. */
  readonly address4: string;
}

/** The client's tunnel, up. */
async function raiseStation(lab: World, client: Client, name: string): Promise<Station> {
  const privateKey = randomBytes(32).toString('base64');
  const publicKey = noiseKeysOf(privateKey).publicKey.toString('base64');
  const { tunnel } = await client.tunnels.createTunnel({ name, publicKey, homePopId: home });
  const template = await client.tunnels.getTunnelTemplate({ tunnel: tunnel?.id ?? '' });
  await writeFile(`/run/${name}.conf`, wgQuick({ ...template, privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', `/run/${name}.conf`], { env });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), 20_000);
  return { tunnel: tunnel?.id ?? '', address4: tunnel?.prefixes[0]?.split('/')[0] ?? '' };
}

interface IperfJson {
  readonly end: { readonly sum_received: { readonly bits_per_second: number } };
}

/** TCP from the client to the internet, bits a second as they arrived. */
async function throughput(lab: World, seconds: number): Promise<number> {
  const { stdout } = await lab.exec('client', ['iperf3', '-c', host4, '-t', String(seconds), '-O', '1', '-J'], {
    timeoutMs: (seconds + 20) * 1000,
  });
  return (JSON.parse(stdout) as IperfJson).end.sum_received.bits_per_second;
}

/** Round trips of 5 ms pings from the internet to the client, in milliseconds. */
async function roundTrips(lab: World, to: string, count: number): Promise<readonly number[]> {
  const { stdout } = await lab.exec('host', ['ping', '-n', '-i', '0.005', '-c', String(count), to], {
    timeoutMs: 60_000,
  });
  return [...stdout.matchAll(/time=([0-9.]+) ms/g)].map(([, ms]) => Number(ms));
}

interface Pairs {
  readonly full: number[];
  readonly bare: number[];
}

/** Measures both ways, now one first and now the other. */
async function inPairs(lab: World, count: number, measure: () => Promise<number>): Promise<Pairs> {
  const pairs: Pairs = { full: [], bare: [] };
  const full = async (): Promise<void> => void pairs.full.push(await measure());
  const bare = async (): Promise<void> => void pairs.bare.push(await onBare(lab, node, measure));
  for (let at = 0; at < count; at += 1) for (const one of at % 2 === 0 ? [full, bare] : [bare, full]) await one();
  return pairs;
}

const ratios = ({ full, bare }: Pairs): readonly number[] => full.map((value, at) => value / (bare[at] ?? Number.NaN));

async function measured(lab: World, client: Client, { quick, say }: BenchOptions): Promise<Figures> {
  const pairCount = quick ? 3 : 10;
  const seconds = quick ? 2 : 4;
  for (const prefix of pools) await client.pools.createPool({ prefix });
  await lab.serve('host-iperf', 'host', ['iperf3', '-s', '--forceflush']);
  const station = await raiseStation(lab, client, 'bench');
  await throughput(lab, seconds);
  say(`${pairCount} pairs of ${seconds} s, with everything and bare`);
  const plain = await inPairs(lab, pairCount, () => throughput(lab, seconds));
  say(`${pairCount} pairs of 400 round trips`);
  const p99 = { full: [] as number[], bare: [] as number[] };
  const measureTrips = async (into: number[]): Promise<number> => {
    const trips = await roundTrips(lab, station.address4, 400);
    into.push(quantile(trips, 0.99));
    return median(trips);
  };
  const trips: Pairs = { full: [], bare: [] };
  for (let at = 0; at < pairCount; at += 1) {
    trips.full.push(await measureTrips(p99.full));
    trips.bare.push(await onBare(lab, node, () => measureTrips(p99.bare)));
  }
  const added = trips.full.map((value, at) => value - (trips.bare[at] ?? Number.NaN));
  return {
    throughput_ratio: figure(median(ratios(plain)), 'ratio', '>= 0.95', ratios(plain)),
    throughput_bare_mbit: figure(median(plain.bare) / 1e6, 'Mbit/s', ''),
    added_latency_p50_ms: figure(median(added), 'ms', '<= 0.1', added),
    latency_p99_ratio: figure(median(ratios(p99)), 'ratio', '<= 1.5', ratios(p99)),
  };
}

export async function dataplane(options: BenchOptions): Promise<Figures> {
  const { say } = options;
  say(await newerProgramsHere());
  const lab = await raiseLab({
    directory: '/tmp/bench',
    clock: realClock,
    nodes: 1,
    onStep: ({ name, ms }) => say(`  ${name}: ${ms} ms`),
    onGivenUp: (service, reason) => say(`  ${service} stays down: ${reason}`),
  });
  const client = openClient(adminContext(lab), { deadlineMs: 10_000 });
  try {
    return await measured(lab, client, options);
  } finally {
    client.close();
    await lab.stop();
  }
}
