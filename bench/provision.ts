// Provision: from the call that creates a tunnel to its peer on every node of a three-PoP placement, and what a node
// costs that holds 10,000 of them.

import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { raiseLab, type World } from '#internal/testkit/lab/lab.ts';
import { adminContext } from '#internal/testkit/lab/lab.ts';
import { accessPeers, coldStart } from './cold-start.ts';
import type { BenchOptions } from './main.ts';
import { childrenMemory, halves, rssBytes, startSpending } from './process.ts';
import { type Figures, figure, median, quantile } from './report.ts';
import { fillTunnels, newPublicKey } from './tunnels.ts';

const few = 100;
const many = 10_000;
const warmUp = 700;
/** Creates a second, as the goal says. */
const rate = 50;
const pools = ['44.40.0.0/16', '2001:db8:4000::/40'];

/** One tunnel; gives milliseconds from the call until every node of its placement has applied it. */
async function createAndWait(client: Client, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const { changed, tunnel } = await client.tunnels.createTunnel({ publicKey: newPublicKey(), pools });
  for await (const _ of client.status.waitApplied(
    { revision: changed?.revision ?? 0n, tunnel: tunnel?.id ?? '' },
    { signal },
  ));
  return performance.now() - began;
}

/** Open loop: each create begins when its time has come, whether or not the one before has ended. */
async function createAtRate(clients: readonly Client[], count: number): Promise<readonly number[]> {
  const signal = AbortSignal.timeout(120_000);
  const began = performance.now();
  const running: Promise<number>[] = [];
  for (let n = 0; n < count; n += 1) {
    const wait = began + (n * 1000) / rate - performance.now();
    if (wait > 0) await realClock.sleep(wait);
    const client = clients[n % clients.length];
    if (client !== undefined) running.push(createAndWait(client, signal));
  }
  return Promise.all(running);
}

/** Deletes until `count` are left. */
async function thin(clients: readonly Client[], count: number): Promise<void> {
  const [first] = clients;
  if (first === undefined) return;
  const { tunnels } = await first.tunnels.listTunnels({ pageSize: 1_000 });
  const doomed = tunnels.slice(count);
  const worker = async (client: Client): Promise<void> => {
    for (let next = doomed.pop(); next !== undefined; next = doomed.pop())
      await client.tunnels.deleteTunnel({ tunnel: next.id });
  };
  await Promise.all(clients.map(worker));
}

async function settled(lab: World, client: Client): Promise<void> {
  const { freshness } = await client.status.getStatus({});
  for await (const _ of client.status.waitApplied(
    { revision: freshness?.revision ?? 0n },
    { signal: AbortSignal.timeout(60_000) },
  ));
  const { tunnels } = await client.status.getStatus({});
  for (const { node } of lab.nodes) {
    const peers = await accessPeers(lab, node.id);
    if (peers !== Number(tunnels)) throw new Error(`${node.id} holds ${peers} peers of ${tunnels} tunnels`);
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** CPU of both halves of one node over `seconds`, in percent of a core. */
async function idleCpu(lab: World, node: string, seconds: number): Promise<number> {
  const spent = await startSpending(lab, node);
  await realClock.sleep(seconds * 1000);
  const { daemon, dataplane } = await spent();
  return (100 * (daemon + dataplane)) / seconds;
}

export async function provision({ quick, runs, say }: BenchOptions): Promise<Figures> {
  const seconds = quick ? 5 : 20;
  const size = quick ? 2_000 : many;
  const directory = '/tmp/bench';
  const lab = await raiseLab({
    directory,
    clock: realClock,
    onStep: ({ name, ms }) => say(`  ${name}: ${ms} ms`),
    onGivenUp: (service, reason) => say(`  ${service} stays down: ${reason}`),
  });
  try {
    const context = adminContext(lab);
    const clients = lab.nodes.map(({ node }) => openClient(context, { node: node.id, deadlineMs: 10_000 }));
    const [first] = clients;
    if (first === undefined) throw new Error('a lab without nodes');
    for (const prefix of pools) await first.pools.createPool({ prefix });
    const atFew: number[] = [];
    const atMany: number[] = [];
    // A daemon that has just started runs code that is not compiled yet; the goals are for one that serves.
    say(`warming up with ${warmUp} tunnels, deleting down to ${few}`);
    const wish = () => ({ publicKey: newPublicKey(), pools });
    const atOnce = 4 * clients.length;
    await fillTunnels(clients, warmUp, wish, { atOnce, say });
    await thin(clients, few);
    await settled(lab, first);
    say(`${rate} creates a second for ${seconds} s`);
    for (let run = 0; run < runs; run += 1) atFew.push(...(await createAtRate(clients, rate * seconds)));
    say(`filling to ${size}`);
    await fillTunnels(clients, size - few - atFew.length, wish, { atOnce, say });
    await settled(lab, first);
    say(`${rate} creates a second for ${seconds} s`);
    for (let run = 0; run < runs; run += 1) atMany.push(...(await createAtRate(clients, rate * seconds)));
    await settled(lab, first);
    say('idle');
    await realClock.sleep(quick ? 5_000 : 15_000);
    const cpu = await idleCpu(lab, 'p2', quick ? 20 : 60);
    const rss = await Promise.all(Object.values(halves(lab, 'p2')).map(rssBytes));
    const children = await childrenMemory(lab, 'p2');
    say('cold start');
    const cold = await coldStart(lab, 'p3');
    for (const client of clients) client.close();
    return {
      create_to_applied_p50_ms: figure(quantile(atMany, 0.5), 'ms', '<= 30', atMany),
      create_to_applied_p99_ms: figure(quantile(atMany, 0.99), 'ms', '<= 150', atMany),
      create_to_applied_p50_ms_at_100: figure(quantile(atFew, 0.5), 'ms', '<= 30', atFew),
      create_to_applied_p99_ms_at_100: figure(quantile(atFew, 0.99), 'ms', '<= 150', atFew),
      cost_ratio_10000_to_100: figure(median(atMany) / median(atFew), 'ratio', '<= 1.5'),
      daemon_rss_mb: figure(
        sum(rss) / 1e6,
        'MB',
        '<= 200',
        rss.map((bytes) => bytes / 1e6),
      ),
      children_rss_mb: figure(children / 1e6, 'MB', ''),
      idle_cpu_percent: figure(cpu, '% of a core', '<= 3'),
      cold_start_s: figure(cold, 's', '<= 10'),
      tunnels: figure(size + atMany.length, 'tunnels', ''),
    };
  } finally {
    await lab.stop();
  }
}
