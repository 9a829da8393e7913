// Capacity idle: what tunnels cost that do nothing but to stay, and what each weighs.

import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { classCount } from './bare.ts';
import { node, openTunnels, raiseCapacity, scrape, wireguardPid } from './capacity-scene.ts';
import type { BenchOptions } from './main.ts';
import { rssBytes } from './process.ts';
import { nodeProcessor, used } from './processors.ts';
import { type Curve, figure, type Outcome, type Point } from './report.ts';
import type { World } from '#internal/testkit/lab/lab.ts';

const counts = { few: 1_000, many: 10_000 };
/** A tenth of it. */
const quickCounts = { few: 200, many: 1_000 };
/** wg(8), PersistentKeepalive: what client files say; and REKEY_AFTER_TIME (WireGuard paper 6.1). */
const stay = { keepaliveMs: 25_000, sessionMs: 120_000 };
/** Of which the node has two full comparisons. */
const watchMs = 25_000;
/** Until what was needed to make them is done with. */
const restMs = 12_000;
const withinMs = 120_000;

interface Weights {
  readonly tunnels: number;
  readonly daemon: number;
  readonly dataplane: number;
  readonly wireguard: number;
}

async function weigh(lab: World, tunnels: number): Promise<Weights> {
  await realClock.sleep(restMs);
  const of = (name: string): Promise<number> => rssBytes(lab.service(`${node}-${name}`).pid() ?? Number.NaN);
  return {
    tunnels,
    daemon: await of('daemon'),
    dataplane: await of('dataplane'),
    wireguard: await rssBytes(await wireguardPid()),
  };
}

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

export async function capacityIdle({ quick, say }: BenchOptions): Promise<Outcome> {
  const { few, many } = quick ? quickCounts : counts;
  await using scene = await raiseCapacity(say);
  const { lab } = scene;
  const weights: Weights[] = [];
  const weighed = async (tunnels: number): Promise<void> => {
    const now = await weigh(lab, tunnels);
    weights.push(now);
    say(
      `  ${tunnels} tunnels: pop44d ${mebibytes(now.daemon)} MiB, its privileged half ${mebibytes(now.dataplane)} MiB, wireguard-go ${mebibytes(now.wireguard)} MiB`,
    );
  };
  await weighed(0);
  {
    await using first = await openTunnels(scene, few);
    await first.connect(few);
    await weighed(few);
  }
  await using clients = await openTunnels(scene, many);
  using _ = scrape(lab);
  const { perSecond } = await clients.connect(many);
  say(`  ${many} sessions, ${perSecond.toFixed(0)} a second`);
  await clients.startIdle({ tunnels: many, ...stay });
  await eventually(async () => (await classCount(lab, node)) >= many, withinMs);
  await weighed(few + many);
  const before = (await used()).busy[nodeProcessor] ?? Number.NaN;
  const began = realClock.monotonicMs();
  await realClock.sleep(watchMs);
  const busy =
    (((await used()).busy[nodeProcessor] ?? Number.NaN) - before) / ((realClock.monotonicMs() - began) / 1_000);
  const idled = await clients.endIdle();
  say(`  ${many} idle: the node's processor ${(100 * busy).toFixed(1)} % busy; ${JSON.stringify(idled)}`);
  const [none, , all] = weights;
  const perTunnel = (part: (weights: Weights) => number): number =>
    none === undefined || all === undefined ? Number.NaN : (part(all) - part(none)) / all.tunnels;
  const points = (part: (weights: Weights) => number): readonly Point[] =>
    weights.map((one) => [one.tunnels, part(one) / 2 ** 20]);
  const memory: Curve = {
    title: 'Resident memory of a node by its tunnels',
    x: { label: 'tunnels', scale: 'linear' },
    y: { label: 'MiB', scale: 'linear' },
    series: [
      { name: 'pop44d', points: points(({ daemon }) => daemon) },
      { name: 'its privileged half', points: points(({ dataplane }) => dataplane) },
      { name: 'wireguard-go', points: points(({ wireguard }) => wireguard) },
    ],
    bands: [],
  };
  return {
    figures: {
      // All of them stayed: what was answered is what counts.
      idle_per_vcpu: figure(idled.failed === 0 && busy < 1 ? many : 0, 'tunnels', quick ? '' : '>= 10000'),
      idle_node_busy: figure(100 * busy, '%', ''),
      idle_handshakes_failed: figure(idled.failed, 'handshakes', '<= 0'),
      bytes_per_tunnel: figure(
        perTunnel(({ daemon, dataplane }) => daemon + dataplane),
        'bytes',
        '<= 8000',
      ),
      bytes_per_tunnel_privileged_half: figure(
        perTunnel(({ dataplane }) => dataplane),
        'bytes',
        '',
      ),
      bytes_per_tunnel_wireguard_go: figure(
        perTunnel(({ wireguard }) => wireguard),
        'bytes',
        '',
      ),
    },
    curves: [memory],
  };
}
