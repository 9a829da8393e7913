// Capacity takeover: the active node of a PoP dies while many tunnels speak and others are being made: how long each hears nothing.
//
// Both nodes, the rest of a network of four, its internet and the clients share the processors of this machine.

import { raiseScene, settled } from './failover-scene.ts';
import { echoedDuring, heardOfAll, raiseClients } from './failover-thousand.ts';
import { atRate } from './at-rate.ts';
import type { BenchOptions } from './main.ts';
import { type Figures, figure, median } from './report.ts';
import { newPrivateKey, publicKeyOf } from './tunnels.ts';
import { realClock } from '#internal/clock/clock.ts';
import { killNode, startNode } from '#internal/testkit/lab/pair.ts';

/** 64 kbit/s each way, as many as these clients, which can be called, have the processor for beside four nodes (1,350 echoes a second, measured). */
const active = 25;
const pace = { everyMs: 20, bytes: 200 };
const calmMs = 3_000;
/** Longer than a takeover takes. */
const afterMs = 5_000;
const perSecond = 4;

export async function capacityTakeover({ quick, runs, say }: BenchOptions): Promise<Figures> {
  const scene = await raiseScene();
  try {
    const { lab, client } = scene;
    const publicKeys = await raiseClients(scene, active, pace);
    const outages: number[] = [];
    const calm: number[] = [];
    const refused: number[] = [];
    const rates: number[] = [];
    for (let left = quick ? 1 : Math.max(runs, 3); left > 0; left -= 1) {
      const [activeNode, standby] = await settled(scene);
      await heardOfAll(scene, standby, publicKeys);
      const [, before] = await echoedDuring(scene, () => realClock.sleep(calmMs));
      calm.push(before.unanswered);
      let failed = 0;
      const create = (): Promise<unknown> =>
        client.tunnels
          .createTunnel({ publicKey: publicKeyOf(newPrivateKey()), homePopId: 'south' })
          .catch(() => (failed += 1));
      const [, echoes] = await echoedDuring(scene, async () => {
        const creating = atRate({ rate: perSecond, ms: calmMs + afterMs }, create);
        await realClock.sleep(calmMs);
        await killNode(lab, activeNode);
        await realClock.sleep(afterMs);
        await creating;
      });
      await startNode(lab, activeNode);
      outages.push(...echoes.silentMs.map((ms) => ms - pace.everyMs));
      rates.push(before.sent / (calmMs / 1_000) / active);
      refused.push(failed);
      const latest = outages.slice(-active);
      say(
        `  death with ${active} tunnels at 64 kbit/s: silent for ${median(latest).toFixed(0)} ms, the longest ${Math.max(...latest).toFixed(0)} ms; ${failed} tunnels could not be made; without a death ${before.unanswered} of ${before.sent} echoes lost`,
      );
    }
    return {
      takeover_silent_median_ms: figure(median(outages), 'ms', '<= 500', outages),
      takeover_silent_worst_ms: figure(Math.max(...outages), 'ms', '', outages),
      takeover_create_failed: figure(Math.max(...refused), 'tunnels', '<= 0', refused),
      takeover_echoes_per_second: figure(median(rates), '1/s of a tunnel', '', rates),
      takeover_calm_lost: figure(Math.max(...calm), 'echoes', '', calm),
    };
  } finally {
    scene.client.close();
    await scene.lab.stop();
  }
}
