// Watch: from a change to the last of many watchers who have heard of it, what each costs the daemon, and what those cost who
// do not read.
//
// A watcher is a WaitApplied: the one stream of the API by which clients hear of what happens. It ends with what it waited for, so
// that each event also costs its end. The change is a tunnel's name, of which the data plane wants nothing: what is measured is
// the way from the call through etcd to the watchers. They share the second processor with etcd.

import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { adminContext } from '#internal/testkit/lab/lab.ts';
import type { BenchOptions } from './main.ts';
import { newerProgramsHere } from './newer-programs.ts';
import { cpuSeconds, halves, rssBytes } from './process.ts';
import { changes, fillUpTo, node, raiseReconcile, type ReconcileScene, tunnelsHere } from './reconcile-scene.ts';
import { type Curve, type Figures, figure, median, type Outcome, quantile } from './report.ts';
import { stall } from './stalled.ts';

/** Rounds by watchers: as many as take some 20 s. */
const extents = { 1: 200, 100: 100, 1_000: 30 } as const;
const quickShare = 0.2;
const tunnels = 100;
const registeredWithinMs = 30_000;
const restWatchMs = 15_000;
/** Of the watchers: each may have 1,000 streams (rpc/serve.ts), and the changes come by another. */
const connections = 4;
/** A revision that no store reaches. */
const never = 2n ** 62n;
const stalledCount = 1_000;
const stalledPace = { rate: 20, ms: 30_000 };

/** So many, who wait for a revision; `all` ends when the last has heard that the node has it. */
function watchers(clients: readonly Client[], count: number, revision: bigint, signal: AbortSignal) {
  let told = 0;
  let ended = 0;
  const watcher = async (at: number): Promise<void> => {
    let first = true;
    const client = clients[at % clients.length];
    if (client === undefined) throw new Error('no clients');
    for await (const _ of client.status.waitApplied({ revision }, { signal })) {
      if (first) told += 1;
      first = false;
    }
    ended += 1;
  };
  const all = Promise.all(Array.from({ length: count }, (_, at) => watcher(at)));
  // Of those that are cut off at an end nobody hears.
  all.catch(() => {});
  return { all, registered: () => told === count, ended: () => ended };
}

const revisionOf = async ({ client }: ReconcileScene): Promise<bigint> =>
  (await client.status.getStatus({})).freshness?.revision ?? 0n;

interface WatchScene {
  readonly scene: ReconcileScene;
  readonly clients: readonly Client[];
  readonly ids: readonly string[];
}

interface Rounds {
  readonly lastMs: readonly number[];
  /** Of the daemon, from the change until the last has heard; seconds a round. */
  readonly cpuSeconds: number;
}

/** @param ids of tunnels whose names are changed, by turns */
async function rounds({ scene, clients, ids }: WatchScene, count: number, times: number): Promise<Rounds> {
  const { lab, client } = scene;
  const { daemon } = halves(lab, node);
  const lastMs: number[] = [];
  let spent = 0;
  // Something else may have written, an election or a day's duty: then they have heard of that, and it is done again.
  for (let left = 2 * times; lastMs.length < times && left > 0; left -= 1) {
    const { all, registered, ended } = watchers(
      clients,
      count,
      (await revisionOf(scene)) + 1n,
      AbortSignal.timeout(2 * registeredWithinMs),
    );
    await eventually(registered, registeredWithinMs);
    const before = await cpuSeconds(daemon);
    const early = ended();
    const began = performance.now();
    const tunnel = ids[left % ids.length] ?? '';
    const renaming = client.tunnels.updateTunnel({ tunnel, name: `watched-${count}-${left}` });
    await all;
    const ms = performance.now() - began;
    await renaming;
    if (early > 0) continue;
    lastMs.push(ms);
    spent += (await cpuSeconds(daemon)) - before;
  }
  if (lastMs.length < times)
    throw new Error(`only ${lastMs.length} of ${times} changes were what watchers had waited for`);
  return { lastMs, cpuSeconds: spent / times };
}

/** Percent of a core that the daemon takes while so many wait and nothing happens. */
async function restWith({ scene, clients }: WatchScene, count: number, ms: number): Promise<number> {
  const { daemon } = halves(scene.lab, node);
  const over = new AbortController();
  const { registered } = watchers(clients, count, never, over.signal);
  await eventually(registered, registeredWithinMs);
  const before = await cpuSeconds(daemon);
  await realClock.sleep(ms);
  const percent = (100_000 * ((await cpuSeconds(daemon)) - before)) / ms;
  over.abort();
  return percent;
}

/** What the daemon's memory does while its tunnels change and many wait who never read. */
async function stalled(
  { scene, ids }: WatchScene,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<Figures> {
  const { daemon } = halves(scene.lab, node);
  const pace = quick ? { ...stalledPace, ms: stalledPace.ms / 3 } : stalledPace;
  const afterChanges = async (): Promise<number> => {
    await changes(scene, ids, pace);
    return rssBytes(daemon);
  };
  const without = await afterChanges();
  // Half of them have an answer that they do not take, with the next change; half have none.
  const next = (await revisionOf(scene)) + 1n;
  using streams = await stall(scene.lab, [
    { revision: next, count: stalledCount / 2 },
    { revision: never, count: stalledCount / 2 },
  ]);
  const first = await afterChanges();
  const second = await afterChanges();
  const open = streams.open();
  const each = (first - without) / stalledCount / 1e3;
  const growth = (second - first) / 1e6;
  say(
    `  ${open} of ${stalledCount} who do not read: ${each.toFixed(1)} kB each; ${growth.toFixed(1)} MB more after as many changes again`,
  );
  return {
    stalled_growth_mb: figure(growth, 'MB', '<= 10'),
    stalled_kb_each: figure(each, 'kB', ''),
  };
}

function curveOf(measured: ReadonlyMap<number, Rounds>): Curve {
  const points = (q: number) => [...measured].map(([count, { lastMs }]) => [count, quantile(lastMs, q)] as const);
  return {
    title: 'From a change to the last watcher who has heard of it',
    x: { label: 'watchers of one daemon', scale: 'log' },
    y: { label: 'ms', scale: 'log' },
    series: [
      { name: 'median', points: points(0.5) },
      { name: '99th percentile', points: points(0.99) },
    ],
    bands: [],
  };
}

export async function watch({ quick, say }: BenchOptions): Promise<Outcome> {
  say(await newerProgramsHere());
  await using scene = await raiseReconcile([], say);
  await fillUpTo(scene, { here: tunnels, elsewhere: 0 }, say);
  const clients = Array.from({ length: connections }, () => openClient(adminContext(scene.lab)));
  const watched = { scene, clients, ids: await tunnelsHere(scene) };
  try {
    return await measured(watched, { quick, say });
  } finally {
    for (const client of clients) client.close();
  }
}

async function measured(watched: WatchScene, { quick, say }: Pick<BenchOptions, 'quick' | 'say'>): Promise<Outcome> {
  // A daemon that has just started runs code that is not compiled yet.
  say('warming up');
  await rounds(watched, 100, quick ? 10 : 50);
  const made = new Map<number, Rounds>();
  for (const [name, times] of Object.entries(extents)) {
    const count = Number(name);
    const some = await rounds(watched, count, Math.ceil(times * (quick ? quickShare : 1)));
    made.set(count, some);
    say(
      `  ${count} watchers: the last after ${median(some.lastMs).toFixed(1)} ms, 99th percentile ${quantile(some.lastMs, 0.99).toFixed(1)} ms; pop44d ${(1_000 * some.cpuSeconds).toFixed(1)} ms a change`,
    );
  }
  const [one, many] = [made.get(1), made.get(1_000)];
  const cpuMicroseconds = (1e6 * ((many?.cpuSeconds ?? Number.NaN) - (one?.cpuSeconds ?? Number.NaN))) / 999;
  const ms = quick ? restWatchMs / 3 : restWatchMs;
  const rest = { none: await restWith(watched, 0, ms), many: await restWith(watched, 1_000, ms) };
  say(`  at rest: ${rest.none.toFixed(1)} % of a core with none, ${rest.many.toFixed(1)} % with 1,000 watchers`);
  const figures: Record<string, Figures[string]> = {};
  for (const [count, { lastMs }] of made) {
    figures[`watch_last_p50_ms_${count}`] = figure(median(lastMs), 'ms', '', lastMs);
    figures[`watch_last_p99_ms_${count}`] = figure(quantile(lastMs, 0.99), 'ms', '');
  }
  return {
    figures: {
      ...figures,
      watch_cpu_us_per_watcher: figure(cpuMicroseconds, 'µs', ''),
      watch_rest_cpu_percent: figure(rest.none, '% of a core', ''),
      watch_rest_cpu_percent_1000: figure(rest.many, '% of a core', ''),
      ...(await stalled(watched, { quick, say })),
    },
    curves: [curveOf(made)],
  };
}
