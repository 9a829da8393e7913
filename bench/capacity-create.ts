// Capacity create: tunnels are made, and begin to live, while others are active on the node's one processor.

import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { atRate } from './at-rate.ts';
import { classCount } from './bare.ts';
import { home, node, openTunnels, raiseCapacity } from './capacity-scene.ts';
import type { BenchOptions } from './main.ts';
import { raiseStation, roundTrips } from './dataplane.ts';
import { type Figures, figure, median, quantile } from './report.ts';
import { applied, newPrivateKey, publicKeyOf } from './tunnels.ts';

/** 64 kbit/s each way, half of what a processor should carry. */
const active = { tunnels: 200, packetsPerSecond: 50, bytes: 200 };
const perSecond = 4;
const withinMs = 60_000;
const calmMs = 4_000;
/** Longer than from one full comparison of the node to the next. */
const busyMs = 12_000;
/** 5 ms apart. */
const stockEchoes = 1_600;
/** The load begins when its packets are sealed. */
const sealingMs = 5_000;

export async function capacityCreate({ runs, say }: BenchOptions): Promise<Figures> {
  await using scene = await raiseCapacity(say);
  await using clients = await openTunnels(scene, active.tunnels);
  await clients.connect(active.tunnels);
  await eventually(async () => (await classCount(scene.lab, node)) >= active.tunnels, withinMs);
  const station = await raiseStation(scene.lab, scene.client, 'stock');
  const create = async (): Promise<void> => {
    const publicKey = publicKeyOf(newPrivateKey());
    const { changed } = await scene.client.tunnels.createTunnel({ publicKey, homePopId: home });
    await applied(scene.client, changed?.revision);
  };
  const times: number[] = [];
  const lost: number[] = [];
  const calm: number[] = [];
  const trips: number[] = [];
  const stockTrips: number[] = [];
  const percentLost = ({ sent, received }: { readonly sent: number; readonly received: number }): number =>
    100 * (1 - received / sent);
  for (let run = 0; run < runs; run += 1) {
    await clients.connect(active.tunnels);
    calm.push(percentLost(await clients.load({ ...active, ms: calmMs })));
    const stock = realClock.sleep(sealingMs).then(() => roundTrips(scene.lab, station.address4, stockEchoes));
    const loading = clients.load({ ...active, ms: busyMs });
    const made = await atRate({ rate: perSecond, ms: sealingMs + busyMs }, create);
    const loaded = await loading;
    times.push(...made.map(([ms]) => ms));
    lost.push(percentLost(loaded));
    trips.push(loaded.p50Ms);
    stockTrips.push(...(await stock));
    say(
      `  ${made.length} tunnels made beside ${active.tunnels} active ones: ${median(times).toFixed(0)} ms until applied, ${lost.at(-1)?.toFixed(3)} % lost (without ${calm.at(-1)?.toFixed(3)} %)`,
    );
  }
  return {
    create_under_load_p50_ms: figure(median(times), 'ms', '', times),
    create_under_load_p99_ms: figure(quantile(times, 0.99), 'ms', '', times),
    create_lost_percent: figure(Math.max(...lost), '%', '<= 0.1', lost),
    create_calm_lost_percent: figure(Math.max(...calm), '%', '', calm),
    create_trip_p50_ms: figure(median(trips), 'ms', '', trips),
    // What a stock client sees beside them, by which the others are known to be like it.
    create_stock_trip_p50_ms: figure(median(stockTrips), 'ms', '', [median(stockTrips)]),
    create_stock_lost: figure(runs * stockEchoes - stockTrips.length, 'echoes', ''),
  };
}
