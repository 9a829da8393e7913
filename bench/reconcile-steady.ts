// Reconcile steady: what a node's two halves take when nobody changes anything and no client speaks: watches, frames of the mesh,
// and the full comparison each 10 s.

import { realClock } from '#internal/clock/clock.ts';
import type { BenchOptions } from './main.ts';
import { startSpending } from './process.ts';
import { node, type ReconcileScene } from './reconcile-scene.ts';

export interface Steady {
  /** Of a core. */
  readonly daemonPercent: number;
  readonly dataplanePercent: number;
}

/** Three looks of the daemons for whether they rest, after which they have given back what they do not hold (cmd/pop44d/memory.ts). */
const restMs = 62_000;
const watchMs = 60_000;
/** Of few tunnels, and quick: who has held little has little to give back. Two full comparisons lie in it. */
const quickRestMs = 5_000;
const quickWatchMs = 20_000;

export async function steady(
  { lab, standing }: ReconcileScene,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<Steady> {
  const registered = standing.here + standing.elsewhere;
  const isShort = quick || standing.elsewhere === 0;
  await realClock.sleep(isShort ? quickRestMs : restMs);
  const ms = isShort ? quickWatchMs : watchMs;
  const spent = await startSpending(lab, node);
  const began = performance.now();
  await realClock.sleep(ms);
  const { daemon, dataplane } = await spent();
  const tookMs = performance.now() - began;
  const percent = (seconds: number): number => (100_000 * seconds) / tookMs;
  const steady = { daemonPercent: percent(daemon), dataplanePercent: percent(dataplane) };
  say(
    `  at rest with ${registered} registered, ${standing.here} placed here: pop44d ${steady.daemonPercent.toFixed(2)} % of a core, its privileged half ${steady.dataplanePercent.toFixed(2)} %`,
  );
  return steady;
}
