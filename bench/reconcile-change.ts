// Reconcile change: what one change of a tunnel costs a node, above what it spends at rest.

import type { BenchOptions } from './main.ts';
import { startSpending } from './process.ts';
import { changes, node, type ReconcileScene } from './reconcile-scene.ts';
import type { Steady } from './reconcile-steady.ts';
import { median } from './report.ts';

export interface ChangeCost {
  /** Processor time of each half, of one change. */
  readonly daemonMs: number;
  readonly dataplaneMs: number;
  /** From the acknowledgement until the node has applied it, of each. */
  readonly appliedMs: readonly number[];
}

/** A second: fewer than a node has time for, so that none waits for another. */
const rate = 15;
const measureMs = 40_000;
const quickMeasureMs = 10_000;
/** V8 compiles what was called some hundred times: 600 changes in a short time, and then the same under measurement's pace. */
const warmUpPace = { rate: 40, ms: 20_000 };
const quickWarmUpPace = { rate: 40, ms: 8_000 };

/** A daemon that has just started runs code that is not compiled yet; figures are for one that serves. */
export async function warmUp(
  scene: ReconcileScene,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<void> {
  say('warming up');
  await changes(scene, quick ? quickWarmUpPace : warmUpPace);
}

/** @param rest what the node takes at rest with as many tunnels */
export async function changeCost(
  scene: ReconcileScene,
  rest: Steady,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<ChangeCost> {
  const spent = await startSpending(scene.lab, node);
  const began = performance.now();
  const appliedMs = await changes(scene, { rate, ms: quick ? quickMeasureMs : measureMs });
  const { daemon, dataplane } = await spent();
  const ms = performance.now() - began;
  const each = (seconds: number, percent: number): number =>
    (1_000 * seconds - (ms * percent) / 100) / appliedMs.length;
  const cost = {
    daemonMs: each(daemon, rest.daemonPercent),
    dataplaneMs: each(dataplane, rest.dataplanePercent),
    appliedMs,
  };
  const { here, elsewhere } = scene.standing;
  say(
    `  one change with ${here + elsewhere} registered, ${here} placed here: pop44d ${cost.daemonMs.toFixed(2)} ms, its privileged half ${cost.dataplaneMs.toFixed(2)} ms, applied ${median(appliedMs).toFixed(1)} ms after its acknowledgement (${appliedMs.length} changes)`,
  );
  return cost;
}
