// Allocate: acknowledged allocations through the API, beside what the same etcd does for the bare client in the same run.
//
// Three members and three daemons follow whatever is written, by whomever: both sides of a ratio pay for that.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { realClock } from '#internal/clock/clock.ts';
import type { Client } from '#internal/client/client.ts';
import { type Cluster, raiseCluster } from '#internal/testkit/cluster.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { openBareStore } from './bare-store.ts';
import { choosing } from './choosing.ts';
import { startEcho } from './echo.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median, quantile } from './report.ts';
import { streams, unaries, unariesAtRate } from './streams.ts';
import { takeover } from './takeover.ts';

/** One, so that two daemons of three forward. */
const pools = ['44.64.0.0/12'] as const;
const poolId = '4-2c400000-12';
const inFlightOfBareClient = 128;
/** As a leader has. */
const groupsInFlight = 3;
const inFlight = 256;
const streamingCalls = 8;
const pacedPerSecond = 200;
// A daemon that has just started runs code that is not compiled yet; the goals are for one that serves.
const warmUpMs = 15_000;

/** The sandbox's /tmp is memory, where a commit costs nothing: an etcd that keeps its word writes to a disk. */
const disk = fileURLToPath(new URL('../.cache', import.meta.url));

/** What a network looks like some seconds after its start. */
async function led(client: Client): Promise<void> {
  await eventually(async () => {
    const { pools: all } = await client.pools.listPools({});
    return all.length === pools.length && all.every(({ leaderNodeId }) => leaderNodeId !== '');
  }, 60_000);
}

async function measured(cluster: Cluster, { quick, runs, say }: BenchOptions): Promise<Figures> {
  const clients = cluster.nodes.map(({ id }) => cluster.client({ node: id, deadlineMs: 10_000 }));
  const [first] = clients;
  if (first === undefined) throw new Error('a cluster without nodes');
  await cluster.createFabric([...pools]);
  await led(first);
  // Before the pool holds hundreds of thousands, which a daemon that starts again has to list first.
  const stopped: number[] = [];
  const killed: number[] = [];
  for (let run = 0; run < (quick ? 1 : 3); run += 1) {
    say('a leader stops, a leader is killed');
    stopped.push(await takeover(cluster, poolId, 'stop'));
    killed.push(await takeover(cluster, poolId, 'kill'));
  }
  await using echo = await startEcho();
  const bare = await openBareStore(cluster.etcd);
  const ms = quick ? 3_000 : 8_000;
  const samples = { single: [], grouped: [], put: [], streamed: [], unary: [], echo: [] } as Record<string, number[]>;
  const take = async (name: string, perSecond: Promise<number>): Promise<void> => {
    const value = await perSecond;
    say(`  ${name}: ${value.toFixed(0)}/s`);
    samples[name]?.push(value);
  };
  say('warming up');
  await streams(clients, pools, { calls: streamingCalls, inFlight, ms: warmUpMs });
  const paced = (): Promise<readonly number[]> => {
    say(`${pacedPerSecond} a second`);
    return unariesAtRate(clients, pools, { rate: pacedPerSecond, ms: quick ? 5_000 : 20_000 });
  };
  const pacedFirst = await paced();
  for (let run = 0; run < (quick ? 1 : Math.max(runs, 3)); run += 1) {
    await take('single', bare.transactions(inFlightOfBareClient, ms));
    await take('grouped', bare.groups(groupsInFlight, ms));
    await take('put', bare.puts(inFlightOfBareClient, ms));
    await take('streamed', streams(clients, pools, { calls: streamingCalls, inFlight, ms }));
    await take('unary', unaries(clients, pools, { inFlight, ms }));
    await take('echo', echo.perSecond(inFlight, ms));
  }
  const of = (name: string): number => median(samples[name] ?? []);
  const pacedFull = await paced();
  bare.close();
  return {
    ratio_to_single_txn: figure(of('streamed') / of('single'), 'ratio', '>= 10'),
    ratio_to_put: figure(of('streamed') / of('put'), 'ratio', '>= 3'),
    unary_to_echo: figure(of('unary') / of('echo'), 'ratio', '>= 0.5'),
    p99_ms_at_200: figure(quantile(pacedFirst, 0.99), 'ms', '<= 50', pacedFirst),
    p50_ms_at_200: figure(quantile(pacedFirst, 0.5), 'ms', '', pacedFirst),
    // With the hundreds of thousands of allocations that the measurements leave.
    p99_ms_at_200_when_full: figure(quantile(pacedFull, 0.99), 'ms', '', pacedFull),
    streamed_per_second: figure(of('streamed'), '1/s', '', samples['streamed']),
    unary_per_second: figure(of('unary'), '1/s', '', samples['unary']),
    echo_per_second: figure(of('echo'), '1/s', '', samples['echo']),
    single_txn_per_second: figure(of('single'), '1/s', '', samples['single']),
    grouped_bare_per_second: figure(of('grouped'), '1/s', '', samples['grouped']),
    ratio_grouped_bare_to_single_txn: figure(of('grouped') / of('single'), 'ratio', ''),
    put_per_second: figure(of('put'), '1/s', '', samples['put']),
    takeover_after_stop_ms: figure(Math.max(...stopped), 'ms', '<= 1000', stopped),
    takeover_after_kill_ms: figure(Math.max(...killed), 'ms', '<= 12000', killed),
  };
}

export async function allocate(options: BenchOptions): Promise<Figures> {
  options.say('choosing among a million');
  const chosen = choosing();
  options.say('raising three members and three daemons');
  const etcdData = await mkdtemp(join(disk, 'pop44-bench-'));
  try {
    await using cluster = await raiseCluster({
      directory: '/tmp/bench',
      clock: realClock,
      electionTtlSeconds: 10,
      etcdData,
    });
    return {
      ...(await measured(cluster, options)),
      choose_us_at_1e6: figure(Math.max(chosen.us4, chosen.us6), 'µs', '<= 20', [chosen.us4, chosen.us6]),
      bytes_per_allocation: figure(Math.max(chosen.bytes4, chosen.bytes6), 'bytes', '<= 64', [
        chosen.bytes4,
        chosen.bytes6,
      ]),
    };
  } finally {
    await rm(etcdData, { recursive: true, force: true });
  }
}
