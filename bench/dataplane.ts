// Dataplane: what namespaces, firewall, accounting and shaping cost a packet, beside bare WireGuard on the same node in
// the same run, in interleaved pairs.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext, raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { classCount, onBare, onStatesAlone } from './bare.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { type Figures, figure, median, quantile } from './report.ts';
import { addSources, sources } from './sources.ts';
import { applied, createTunnels, newPrivateKey, publicKeyOf } from './tunnels.ts';

const node = 'p1';
const home = 'north';
const pools = ['44.31.0.0/16', '2001:db8:4000::/40'];
/** More than any tunnel here gets: what is measured is the way through the classes, not their limit. */
const stationRate = 10_000_000_000n;
const liveRate = 10_000_000n;
const changes = 60;
const host4 = '198.18.100.10';

interface Station {
  readonly tunnel: string;
  /** Its fixed IPv4 address. */
  readonly address4: string;
}

/** The client's tunnel, up, by the stock client. */
export async function raiseStation(lab: World, client: Client, name: string): Promise<Station> {
  const privateKey = newPrivateKey();
  const publicKey = publicKeyOf(privateKey);
  const { tunnel } = await client.tunnels.createTunnel({ name, publicKey, homePopId: home });
  const template = await client.tunnels.getTunnelTemplate({ tunnel: tunnel?.id ?? '' });
  await writeFile(`/run/${name}.conf`, wgQuick({ ...template, privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', `/run/${name}.conf`], { env });
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), 20_000);
  return { tunnel: tunnel?.id ?? '', address4: tunnel?.prefixes[0]?.split('/')[0] ?? '' };
}

interface IperfJson {
  /** iperf3 ends with 0 also where its control connection broke or its server was still busy with the last run. */
  readonly error?: string;
  readonly end: { readonly sum_received?: { readonly bits_per_second: number } };
}

/** A busy machine breaks one run, not three. */
const runs = 3;

/** TCP from the client to the internet, bits a second as they arrived. */
async function throughput(lab: World, seconds: number, left = runs): Promise<number> {
  const { stdout } = await lab.exec('client', ['iperf3', '-c', host4, '-t', String(seconds), '-O', '1', '-J'], {
    timeoutMs: (seconds + 20) * 1000,
  });
  const { error = 'no sum', end } = JSON.parse(stdout) as IperfJson;
  if (end.sum_received !== undefined) return end.sum_received.bits_per_second;
  if (left > 1) return throughput(lab, seconds, left - 1);
  throw new Error(`iperf3: ${error}`);
}

/** Round trips of 5 ms pings from the internet to the client, in milliseconds. */
export async function roundTrips(lab: World, to: string, count: number): Promise<readonly number[]> {
  await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', to]), 20_000);
  const { stdout } = await lab.exec('host', ['ping', '-n', '-i', '0.005', '-c', String(count), to], {
    timeoutMs: 60_000,
  });
  return [...stdout.matchAll(/time=([0-9.]+) ms/g)].map(([, ms]) => Number(ms));
}

interface Pairs {
  readonly full: number[];
  readonly bare: number[];
}

/** Measures both ways, now one first and now the other. @param as how the node is for the first; as it always is, by default */
async function inPairs(
  lab: World,
  count: number,
  measure: () => Promise<number>,
  as: typeof onBare = (_lab, _node, work) => work(),
): Promise<Pairs> {
  const pairs: Pairs = { full: [], bare: [] };
  const full = async (): Promise<void> => void pairs.full.push(await as(lab, node, measure));
  const bare = async (): Promise<void> => void pairs.bare.push(await onBare(lab, node, measure));
  for (let at = 0; at < count; at += 1) for (const one of at % 2 === 0 ? [full, bare] : [bare, full]) await one();
  return pairs;
}

const ratios = ({ full, bare }: Pairs): readonly number[] => full.map((value, at) => value / (bare[at] ?? Number.NaN));

/** For who waits, and for a run that does not get to its end. */
const told = (pairs: Pairs): string =>
  ratios(pairs)
    .map((ratio) => ratio.toFixed(3))
    .join(' ');

/** Shaped tunnels with a session each, until there are as many classes. */
async function raiseLive(lab: World, client: Client, count: number): Promise<void> {
  const keys = Array.from({ length: count }, newPrivateKey);
  const [first] = await createTunnels(client, keys, { homePopId: home, rate: liveRate });
  await applied(client);
  const template = await client.tunnels.getTunnelTemplate({ tunnel: first?.id ?? '' });
  await writeFile('/run/live-keys.json', JSON.stringify(keys), { mode: 0o600 });
  const script = fileURLToPath(new URL('./live-clients.ts', import.meta.url));
  const server = [template.peerPublicKey, template.endpointAddress, String(template.endpointPort)];
  await addSources(lab);
  await lab.serve('host-live', 'host', [process.execPath, script, '/run/live-keys.json', ...server, ...sources]);
  await eventually(async () => {
    const classes = await classCount(lab, node);
    if (classes < count) throw new Error(`${classes} classes of ${count}`);
    return true;
  }, 300_000);
}

/** Milliseconds from a change of one tunnel's firewall, or its rate, until the node has applied it. */
async function changeTimes(client: Client, tunnels: readonly string[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (let at = 0; at < changes; at += 1) {
    const tunnel = tunnels[at % tunnels.length] ?? '';
    const firewall = { presets: ['web'], rules: [{ protocol: 'tcp', firstPort: 1_000 + at, lastPort: 1_000 + at }] };
    const what = at % 2 === 0 ? { firewall } : { rateDownBitPerSecond: liveRate + BigInt(at) * 1_000_000n };
    const began = performance.now();
    const { changed } = await client.tunnels.updateTunnel({ tunnel, ...what });
    await applied(client, changed?.revision);
    times.push(performance.now() - began);
  }
  return times;
}

const elementCount = async (lab: World): Promise<number> => {
  const argv = ['sh', '-c', 'nft list set inet pop44 t6_64 2>/dev/null | tr , "\\n" | wc -l'];
  return Number((await lab.exec(`${node}p`, argv)).stdout);
};

/** Seconds until firewall and classes are whole again after all of both was taken away while nobody looked. */
async function fullLoad(lab: World): Promise<number> {
  const [elements, classes] = [await elementCount(lab), await classCount(lab, node)];
  let began = 0;
  await onBare(
    lab,
    node,
    async () => {
      began = performance.now();
    },
    // The dear question last: each time it is asked, nft lists 10,000 elements beside what is measured.
    async () => (await classCount(lab, node)) >= classes && (await elementCount(lab)) >= elements,
  );
  return (performance.now() - began) / 1000;
}

/** What a packet of a tunnel without limits pays. */
async function packets(lab: World, station: Station, { quick, say }: BenchOptions): Promise<Figures> {
  const { pairCount, seconds } = extentOf(quick);
  // One pair is within 7 % of another: of ten the median is within 3 %, which is more than what is looked for.
  const manyPairs = 2 * pairCount;
  say(`${manyPairs} pairs of ${seconds} s, with everything and bare`);
  const plain = await inPairs(lab, manyPairs, () => throughput(lab, seconds));
  say(`  ratios: ${told(plain)}`);
  say(`${pairCount} pairs of ${seconds} s, with connection tracking alone and bare`);
  const states = await inPairs(lab, pairCount, () => throughput(lab, seconds), onStatesAlone);
  say(`  ratios: ${told(states)}`);
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
    // What any firewall that keeps states costs on this kernel, without a rule of ours.
    throughput_ratio_states_alone: figure(median(ratios(states)), 'ratio', '', ratios(states)),
    throughput_bare_mbit: figure(median(plain.bare) / 1e6, 'Mbit/s', ''),
    added_latency_p50_ms: figure(median(added), 'ms', '<= 0.1', added),
    latency_p99_ratio: figure(median(ratios(p99)), 'ratio', '<= 1.5', ratios(p99)),
  };
}

/** What one pays whose class is among those of many live tunnels. */
async function shapedPackets(
  lab: World,
  client: Client,
  station: Station,
  { quick, say }: BenchOptions,
): Promise<Figures> {
  const { pairCount, seconds } = extentOf(quick);
  const rates = { rateUpBitPerSecond: stationRate, rateDownBitPerSecond: stationRate };
  const { changed } = await client.tunnels.updateTunnel({ tunnel: station.tunnel, ...rates });
  await applied(client, changed?.revision);
  await throughput(lab, seconds);
  say(`${pairCount} pairs of ${seconds} s through a class, and bare`);
  const shaped = await inPairs(lab, pairCount, () => throughput(lab, seconds));
  return { throughput_ratio_shaped_1000: figure(median(ratios(shaped)), 'ratio', '>= 0.85', ratios(shaped)) };
}

const extentOf = (quick: boolean) =>
  quick
    ? { pairCount: 3, seconds: 2, live: 200, many: 1_000 }
    : { pairCount: 10, seconds: 4, live: 1_000, many: 10_000 };

async function measured(lab: World, client: Client, options: BenchOptions): Promise<Figures> {
  const { only, quick, say } = options;
  const { seconds, live, many } = extentOf(quick);
  for (const prefix of pools) await client.pools.createPool({ prefix });
  // tcp(7): else each run begins with what the one before it has learned of the path, which was the other of a pair.
  for (const netns of ['client', 'host']) await lab.exec(netns, ['sysctl', '-qw', 'net.ipv4.tcp_no_metrics_save=1']);
  await lab.serve('host-iperf', 'host', ['iperf3', '-s', '--forceflush']);
  const station = await raiseStation(lab, client, 'bench');
  await throughput(lab, seconds);
  const figures: Record<string, Figures[string]> = {};
  if (only === undefined) Object.assign(figures, await packets(lab, station, options));
  say(`${live} shaped tunnels with a session each`);
  await raiseLive(lab, client, live);
  if (only === undefined) Object.assign(figures, await shapedPackets(lab, client, station, options));
  say(`filling to ${many} tunnels`);
  const keys = Array.from({ length: many - live }, newPrivateKey);
  const rest = (await createTunnels(client, keys, { homePopId: home, rate: liveRate })).map(({ id }) => id);
  await applied(client);
  say(`${changes} changes of one tunnel`);
  const times = await changeTimes(client, rest);
  say('everything taken away, and back');
  const loads = [await fullLoad(lab), await fullLoad(lab), await fullLoad(lab)];
  return {
    ...figures,
    change_ms_at_10000: figure(median(times), 'ms', '<= 50', times),
    change_worst_ms: figure(Math.max(...times), 'ms', ''),
    full_load_s_at_10000: figure(median(loads), 's', '<= 3', loads),
    live_classes: figure(live, 'tunnels', ''),
    tunnels: figure(many, 'tunnels', ''),
  };
}

/** What `--only` takes: single changes and a full load, without the packets' minutes. */
export const dataplaneParts: readonly string[] = ['load'];

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
