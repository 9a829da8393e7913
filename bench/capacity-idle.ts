// Capacity idle: what tunnels cost a node's processor that do nothing but to stay.

import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { classCount } from './bare.ts';
import { node, openTunnels, raiseCapacity, wireguardPid } from './capacity-scene.ts';
import type { BenchOptions } from './main.ts';
import { rssBytes } from './process.ts';
import { nodeProcessor, used } from './processors.ts';
import { type Figures, figure } from './report.ts';

const many = 10_000;
const quickMany = 1_000;
/** wg(8), PersistentKeepalive: what client files say; and REKEY_AFTER_TIME (WireGuard paper 6.1). */
const stay = { keepaliveMs: 25_000, sessionMs: 120_000 };
/** Of which the node has three full comparisons. */
const watchMs = 30_000;
/** Until what was needed for their first sessions is done with. */
const restMs = 5_000;
const withinMs = 120_000;

export async function capacityIdle({ quick, say }: BenchOptions): Promise<Figures> {
  const tunnels = quick ? quickMany : many;
  await using scene = await raiseCapacity(say);
  const { lab } = scene;
  await using clients = await openTunnels(scene, tunnels);
  say(`  ${tunnels} tunnels`);
  const { perSecond } = await clients.connect(tunnels);
  say(`  ${tunnels} sessions, ${perSecond.toFixed(0)} a second`);
  await clients.startIdle({ tunnels, ...stay });
  await eventually(async () => (await classCount(lab, node)) >= tunnels, withinMs);
  say(`  ${tunnels} classes`);
  await realClock.sleep(restMs);
  const before = await used();
  const began = realClock.monotonicMs();
  await realClock.sleep(watchMs);
  const after = await used();
  const seconds = (realClock.monotonicMs() - began) / 1_000;
  const busy = ((after.busy[nodeProcessor] ?? Number.NaN) - (before.busy[nodeProcessor] ?? Number.NaN)) / seconds;
  const idled = await clients.endIdle();
  say(
    `  the node's processor ${(100 * busy).toFixed(1)} % busy with ${tunnels} idle tunnels; ${idled.handshakes} new sessions in ${(idled.ms / 1_000).toFixed(0)} s, ${idled.failed} failed; others took ${(after.foreign - before.foreign).toFixed(1)} s`,
  );
  const stayed = idled.failed === 0 && busy < 1 ? tunnels : 0;
  return {
    // They all had their sessions anew, and the processor time to spare.
    idle_per_vcpu: figure(stayed, 'tunnels', quick ? '' : `>= ${many}`),
    idle_node_busy: figure(100 * busy, '%', ''),
    idle_handshakes_failed: figure(idled.failed, 'handshakes', '<= 0'),
    idle_wireguard_go_mib: figure((await rssBytes(await wireguardPid())) / 2 ** 20, 'MiB', ''),
  };
}
