// Failover drain: what is lost while a PoP goes to its other node by an order, and back, of echoes by both ways and from afar, with
// 1,000 other tunnels that live (`--quick`: with none).

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import type { Endpoint } from '#internal/duty/duty.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { outageDuring } from '#internal/testkit/lab/outage.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { type Scene, settled, withinMs } from './failover-scene.ts';
import { raiseClients } from './failover-thousand.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';

/** Seconds: a move, and what follows it for 3 s. */
const watchSeconds = 10;
const calmMs = 1_000;
/** Milliseconds for the last replies, on a machine that has much to do. */
const lateMs = 1_000;
const rounds = 10;

/** The standby has heard of all of them; written each 5 s. */
const heard = ({ lab }: Scene, standby: string, publicKeys: readonly string[]) =>
  eventually(async () => {
    const { stdout } = await lab.exec('host', ['cat', `/run/node/${standby}/sibling-endpoints`]);
    const entries = JSON.parse(stdout) as readonly Endpoint[];
    const known = new Set(entries.map(({ peerKey }) => peerKey.split(' ')[1]));
    return publicKeys.every((key) => known.has(key));
  }, withinMs);

/** What the privileged halves of both nodes have logged of the move, for whoever asks why something was lost. */
async function toldSince({ lab }: Scene, sinceMs: number): Promise<readonly string[]> {
  const logs = ['p3', 'p4'].map((node) => readFile(join(lab.directory, 'log', `${node}-dataplane.log`), 'utf8'));
  const lines = (await Promise.all(logs)).flatMap((text) => text.split('\n')).filter((line) => line.startsWith('{'));
  const told = lines.filter((line) => Date.parse((JSON.parse(line) as { readonly time: string }).time) >= sinceMs);
  return told.filter((line) => !line.includes('"step"')).sort();
}

export async function drain(scene: Scene, { quick, runs, say }: BenchOptions): Promise<Figures> {
  const { lab, client, stations } = scene;
  const publicKeys = quick ? [] : await raiseClients(scene);
  const lost: number[] = [];
  const tookMs: number[] = [];
  for (let left = quick ? 2 : Math.max(runs, rounds); left > 0; left -= 1) {
    const [, standby] = await settled(scene);
    await heard(scene, standby, publicKeys);
    const outward = (name: keyof typeof stations, rttMs: number) =>
      outageDuring(lab, 'client', host4, {
        seconds: watchSeconds,
        from: stations[name].address,
        rttMs: rttMs + lateMs,
      });
    const watched = Promise.all([
      outward('near', 0),
      outageDuring(lab, 'host', stations.near.address, { seconds: watchSeconds, rttMs: lateMs }),
      outward('far150', 150),
      outward('far600', 600),
    ]);
    await realClock.sleep(calmMs);
    const orderedMs = realClock.wall().getTime();
    const began = realClock.monotonicMs();
    await client.fabric.takeOver({ node: standby });
    tookMs.push(realClock.monotonicMs() - began);
    const ways = (await watched).map((way) => way.lost);
    lost.push(...ways);
    if (ways.some((way) => way > 0)) for (const line of await toldSince(scene, orderedMs)) say(line);
    say(
      `order to ${standby}: ${ways.join(', ')} lost (out, in, 150 ms, 600 ms); it led after ${tookMs.at(-1)?.toFixed(0)} ms`,
    );
  }
  return {
    drain_lost_packets: figure(
      lost.reduce((sum, each) => sum + each, 0),
      'packets',
      '<= 0',
      lost,
    ),
    drain_led_ms: figure(median(tookMs), 'ms', '', tookMs),
  };
}
