// Failover drain: what is lost while a PoP goes to its other node by an order, and back, of echoes by both ways and from afar, with
// 1,000 other tunnels that send echoes too, 500 a second together (`--quick`: with none). Before each move the same is watched
// without one: what is lost then is the machine's.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { realClock } from '#internal/clock/clock.ts';
import type { Echoes } from '#internal/testkit/called-clients.ts';
import { type Outage, outageDuring } from '#internal/testkit/lab/outage.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import { program, type Scene, servedPort, settled } from './failover-scene.ts';
import { echoedDuring, heardOfAll, raiseClients } from './failover-thousand.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';

/** Seconds that the first move is watched; the next ones as long as the one before took, twice, and what follows it (takeover/move.ts). */
const firstSeconds = 40;
const leastSeconds = 12;
/** Milliseconds after a move until it has come to its end. */
const afterMs = 5_000;
const controlSeconds = 8;
const orderDeadlineMs = 70_000;
const calmMs = 1_000;
/** Milliseconds for the last replies, on a machine that has much to do. */
const lateMs = 1_000;
const toldLosses = 100;
/** Unless told. */
const mostRounds = 20;

/** What the privileged halves of both nodes have logged of the move, for whoever asks why something was lost. */
async function toldSince({ lab }: Scene, sinceMs: number): Promise<readonly string[]> {
  const logs = ['p3', 'p4'].map((node) => readFile(join(lab.directory, 'log', `${node}-dataplane.log`), 'utf8'));
  const lines = (await Promise.all(logs)).flatMap((text) => text.split('\n')).filter((line) => line.startsWith('{'));
  const told = lines.filter((line) => Date.parse((JSON.parse(line) as { readonly time: string }).time) >= sinceMs);
  return told.filter((line) => !line.includes('"step"')).sort();
}

type Watched = readonly [out: Outage, inward: Outage, far150: Outage, far600: Outage];
const ways = ['out', 'in', '150 ms', '600 ms'] as const;

interface Round {
  readonly outages: Watched;
  /** A connection that has brought a line each 20 ms since before has ended, or stood still at the end. */
  readonly broken: boolean;
  readonly tookMs: number;
}

interface Told extends Round {
  readonly echoes: Echoes | undefined;
}

/** Everything is watched while something happens, or nothing does. */
async function during({ lab, stations }: Scene, seconds: number, happens: () => Promise<unknown>): Promise<Round> {
  const outward = (name: keyof typeof stations, rttMs: number) =>
    outageDuring(lab, 'client', host4, { seconds, from: stations[name].address, rttMs: rttMs + lateMs });
  const push = [program('downlink'), 'tcp', host4, servedPort, String(seconds), stations.near.address];
  let tookMs = 0;
  const happening = async (): Promise<void> => {
    await realClock.sleep(calmMs);
    const began = realClock.monotonicMs();
    await happens();
    tookMs = realClock.monotonicMs() - began;
  };
  const [near, inward, far150, far600, { stdout }] = await Promise.all([
    outward('near', 0),
    outageDuring(lab, 'host', stations.near.address, { seconds, rttMs: lateMs }),
    outward('far150', 150),
    outward('far600', 600),
    lab.exec('client', [process.execPath, ...push], { timeoutMs: (seconds + 30) * 1_000 }),
    happening(),
  ]);
  const pushed = JSON.parse(stdout) as { readonly ended: boolean; readonly closed: boolean };
  return { outages: [near, inward, far150, far600], broken: pushed.closed || !pushed.ended, tookMs };
}

/** `3 in at +250 to +310 ms` */
const lossesSince = (outages: Watched, sinceMs: number): readonly string[] =>
  outages.flatMap(({ lostAtMs }, at) => {
    const [first] = lostAtMs;
    const span = `${(first ?? 0) - sinceMs} to ${(lostAtMs.at(-1) ?? 0) - sinceMs}`;
    return first === undefined ? [] : [`${lostAtMs.length} ${ways[at]} at ${span} ms`];
  });

/** And of the other tunnels' own echoes, if there are any. */
async function round(scene: Scene, others: boolean, seconds: number, happens: () => Promise<unknown>): Promise<Told> {
  const watch = () => during(scene, seconds, happens);
  const [done, echoes] = others ? await echoedDuring(scene, watch) : [await watch(), undefined];
  return { ...done, echoes };
}

/** Of the other tunnels' echoes, `+1200 (-300)`: sent that long after the order, and after its client's new session was confirmed. */
const lostOfOthers = (echoes: Echoes | undefined, sinceMs: number): readonly string[] =>
  [...(echoes?.lost ?? [])]
    .sort(([a], [b]) => a - b)
    .slice(0, toldLosses)
    .map(([sentMs, afterMs]) => `+${sentMs - sinceMs} (${afterMs ?? 'never'})`);

const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
const lostIn = ({ outages, echoes }: Told): number => sum(outages.map((way) => way.lost)) + (echoes?.unanswered ?? 0);

function textOf({ outages, echoes }: Told, sinceMs: number): string {
  const ofOthers =
    echoes === undefined || echoes.unanswered === 0
      ? []
      : [`${echoes.unanswered} of ${echoes.sent} of ${echoes.tunnels} other tunnels`];
  return [...lossesSince(outages, sinceMs), ...ofOthers].join(', ') || 'nothing';
}

export async function drain(scene: Scene, { quick, runs, tunnels, say }: BenchOptions): Promise<Figures> {
  const { client } = scene;
  const publicKeys = quick ? [] : await raiseClients(scene, tunnels);
  const others = publicKeys.length > 0;
  const lost: number[] = [];
  const control: number[] = [];
  const broken: number[] = [];
  const tookMs: number[] = [];
  let seconds = firstSeconds;
  for (let left = quick ? 2 : runs > 1 ? runs : mostRounds; left > 0; left -= 1) {
    const [, standby] = await settled(scene);
    await heardOfAll(scene, standby, publicKeys);
    const calm = await round(scene, others, controlSeconds, async () => undefined);
    control.push(lostIn(calm));
    const orderedMs = realClock.wall().getTime() + calmMs;
    const moved = await round(scene, others, seconds, () =>
      client.fabric.takeOver({ node: standby }, { deadlineMs: orderDeadlineMs }),
    );
    if (moved.tookMs > seconds * 1_000 - calmMs - afterMs)
      throw new Error(`the move took ${Math.round(moved.tookMs)} ms, longer than was watched`);
    seconds = Math.min(firstSeconds, leastSeconds + Math.ceil((2 * moved.tookMs) / 1_000));
    tookMs.push(moved.tookMs);
    lost.push(lostIn(moved));
    broken.push(Number(moved.broken));
    if (lost.at(-1) !== 0) for (const line of await toldSince(scene, orderedMs)) say(line);
    const late = lostOfOthers(moved.echoes, orderedMs);
    if (late.length > 0) say(`others, ms: ${late.join(' ')}`);
    say(
      `order to ${standby}: ${textOf(moved, orderedMs)} lost, the connection ${moved.broken ? 'broke' : 'stood'}; it led after ${moved.tookMs.toFixed(0)} ms (without a move ${textOf(calm, orderedMs)} lost)`,
    );
  }
  return {
    drain_lost_packets: figure(sum(lost), 'packets', '<= 0', lost),
    drain_control_lost_packets: figure(sum(control), 'packets', '', control),
    drain_tcp_broken: figure(sum(broken), 'connections', '<= 0', broken),
    drain_led_ms: figure(median(tookMs), 'ms', '', tookMs),
  };
}
