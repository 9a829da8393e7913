// Failover anycast: two PoPs that share an endpoint, in a lab of their own. The internet leads a client from the one to the other;
// and the one that has it dies as a whole.

import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { outageDuring } from '#internal/testkit/lab/outage.ts';
import { killNode, startNode } from '#internal/testkit/lab/pair.ts';
import { raiseShared, type SharedScene, sharers } from '#internal/testkit/lab/shared-endpoint.ts';
import { host4 } from '#internal/testkit/lab/topology.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';

/** Seconds: 5 until who has come is taken over, the move, and 3 until the loser forgets. */
const flipSeconds = 14;
const deathSeconds = 6;
const withinMs = 60_000;
const calmMs = 1_000;

type Sharer = (typeof sharers)[number];
const otherOf = (node: string): Sharer => (node === sharers[0] ? sharers[1] : sharers[0]);

async function both({ lab, address4 }: SharedScene, seconds: number, happens: () => Promise<unknown>) {
  const watched = Promise.all([
    outageDuring(lab, 'client', host4, seconds),
    outageDuring(lab, 'host', address4, seconds),
  ]);
  await realClock.sleep(calmMs);
  await happens();
  return watched;
}

async function flip(scene: SharedScene): Promise<{ readonly lost: readonly number[]; readonly handedMs: number }> {
  const from = await scene.holder();
  const to = otherOf(from);
  await eventually(async () => (await scene.elsewhere(to)).includes('elements'), withinMs);
  let handedMs = Number.NaN;
  const outages = await both(scene, flipSeconds, async () => {
    await scene.lead(to);
    const beganMs = realClock.monotonicMs();
    await scene.heldBy(to, flipSeconds * 1_000);
    handedMs = realClock.monotonicMs() - beganMs;
  });
  return { lost: outages.map(({ lost }) => lost), handedMs };
}

/** Both are well, and the one that is to be called by knows the client. */
async function settled(scene: SharedScene, node: Sharer): Promise<void> {
  const { lab, client } = scene;
  for (const each of sharers) await startNode(lab, each);
  await eventually(async () => {
    const { nodes } = await client.fabric.listNodes({});
    return sharers.every((id) => nodes.some((of) => of.node?.id === id && of.connected && of.failingSteps === 0));
  }, withinMs);
  await scene.lead(node);
  await scene.heldBy(node, withinMs);
  const session = `${node}_transport4`;
  await eventually(async () => {
    const argv = ['birdc', '-s', '/run/inet/bird.ctl', 'show', 'protocols'];
    const { stdout } = await lab.exec('inet', argv);
    return sharers.every((id) => new RegExp(`^${session.replace(node, id)} .* Established`, 'm').test(stdout));
  }, withinMs);
  const other = otherOf(node);
  // The node that is left sees by it that the other one is gone.
  await eventually(async () => {
    const argv = ['birdc', '-s', `/run/node/${other}/run/pop.bird.ctl`, 'show', 'bfd', 'sessions'];
    return new RegExp(`p44i-${sharers.join('-')} +Up `).test((await lab.exec(`${other}p`, argv)).stdout);
  }, withinMs);
  await eventually(async () => (await scene.elsewhere(other)).includes('elements'), withinMs);
  await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', scene.address4]), withinMs);
  // What watches a node that has come back needs a while as well.
  await realClock.sleep(3 * calmMs);
}

async function death(scene: SharedScene, node: Sharer): Promise<readonly number[]> {
  await settled(scene, node);
  const outages = await both(scene, deathSeconds, () => killNode(scene.lab, node));
  return outages.map(({ ms }) => ms);
}

export async function anycast({ quick, runs, say }: BenchOptions): Promise<Figures> {
  const scene = await raiseShared('/tmp/bench-anycast');
  try {
    await scene.heldBy(sharers[0], withinMs);
    const lost: number[] = [];
    const handed: number[] = [];
    for (let left = quick ? 3 : Math.max(runs, 20); left > 0; left -= 1) {
      const one = await flip(scene);
      lost.push(...one.lost);
      handed.push(one.handedMs / 1_000);
      say(
        `the internet leads to the other PoP: ${one.lost.join(' and ')} lost, moved after ${(one.handedMs / 1_000).toFixed(1)} s`,
      );
    }
    const times: number[] = [];
    for (let left = quick ? 3 : Math.max(runs, 20); left > 0; left -= 1) {
      const one = await death(scene, sharers[left % 2 === 0 ? 0 : 1]);
      times.push(...one);
      say(`death of the PoP that has it: ${one.map((ms) => `${ms} ms`).join(', ')}`);
    }
    return {
      anycast_flip_lost_packets: figure(Math.max(...lost), 'packets', '<= 3', lost),
      anycast_handover_worst_s: figure(Math.max(...handed), 's', '<= 10', handed),
      anycast_death_median_ms: figure(median(times), 'ms', '<= 400', times),
      anycast_death_worst_ms: figure(Math.max(...times), 'ms', '<= 1000', times),
    };
  } finally {
    await scene.stop();
  }
}
