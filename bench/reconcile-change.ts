// Reconcile change: what one change of a tunnel costs a node, above what it spends at rest.

import type { BenchOptions } from './main.ts';
import { startSpending } from './process.ts';
import { type AppliedMs, changeKinds, changes, node, type ReconcileScene, tunnelsHere } from './reconcile-scene.ts';
import type { Steady } from './reconcile-steady.ts';
import { median } from './report.ts';

export interface ChangeCost {
  /** Processor time of each half, of one change. */
  readonly daemonMs: number;
  readonly dataplaneMs: number;
  /** From the acknowledgement until the node has applied it, of each. */
  readonly appliedMs: AppliedMs;
}

/** A second: fewer than a node has time for, so that none waits for another. */
const rate = 20;
const measureMs = 60_000;
const quickMeasureMs = 10_000;
/** V8 compiles what was called some hundred times. */
const warmUpPace = { rate: 40, ms: 15_000 };
const quickWarmUpPace = { rate: 40, ms: 8_000 };

/** A daemon that has just started runs code that is not compiled yet; figures are for one that serves. */
export async function warmUp(
  scene: ReconcileScene,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<void> {
  say('warming up');
  await changes(scene, await tunnelsHere(scene), quick ? quickWarmUpPace : warmUpPace);
}

/** @param rest what the node takes at rest with as many tunnels */
export async function changeCost(
  scene: ReconcileScene,
  rest: Steady,
  { quick, say }: Pick<BenchOptions, 'quick' | 'say'>,
): Promise<ChangeCost> {
  const tunnels = await tunnelsHere(scene);
  const spent = await startSpending(scene.lab, node);
  const began = performance.now();
  const appliedMs = await changes(scene, tunnels, { rate, ms: quick ? quickMeasureMs : measureMs });
  const { daemon, dataplane } = await spent();
  const ms = performance.now() - began;
  const count = changeKinds.reduce((sum, kind) => sum + appliedMs[kind].length, 0);
  const each = (seconds: number, percent: number): number => (1_000 * seconds - (ms * percent) / 100) / count;
  const cost = {
    daemonMs: each(daemon, rest.daemonPercent),
    dataplaneMs: each(dataplane, rest.dataplanePercent),
    appliedMs,
  };
  const { here, elsewhere } = scene.standing;
  const medians = changeKinds.map((kind) => `${kind} ${median(appliedMs[kind]).toFixed(1)} ms`).join(', ');
  say(
    `  one change with ${here + elsewhere} registered, ${here} placed here: pop44d ${cost.daemonMs.toFixed(2)} ms, its privileged half ${cost.dataplaneMs.toFixed(2)} ms of a core; applied after its acknowledgement: ${medians} (${count} changes)`,
  );
  return cost;
}
