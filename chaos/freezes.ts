// Freezes: has daemons stop themselves at points between choosing and answering, and lets them go on when their leases
// have run out.

import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import type { DoneFault } from './fault.ts';
import { thawDaemons } from './fault-thaw.ts';
import { type Point, pointNames } from './patch.ts';

export interface FreezeOptions {
  readonly clock: Clock;
  readonly seed: number;
  /** Of the orders that the loaders in the daemons read. */
  readonly directory: string;
  readonly leaseMs: number;
  /** Milliseconds after the beginning. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Milliseconds between one freeze's end and the next order, on average. */
  readonly pauseMs: number;
  /** Default: all of them, one after another. */
  readonly points?: readonly Point[];
  readonly signal: AbortSignal;
  readonly onFault: (fault: DoneFault) => void;
}

/** 2 to 3 leases, as long as others need to take over and to commit. */
const leases = { least: 2, most: 3 };
/** Milliseconds: a point that is not passed until then will not be, on that daemon. */
const patienceMs = 1_500;

/** World-writable: the daemons are another user than we, and take the orders away. */
export function makeOrderDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o777);
}

/** Done when the last has been let go on. */
export async function freezeDaemons(cluster: Cluster, options: FreezeOptions): Promise<readonly DoneFault[]> {
  const { clock, signal, fromMs, untilMs, leaseMs, pauseMs, onFault } = options;
  const random = randomFrom(options.seed * 7 + 3);
  const order = options.points ?? pointNames;
  const began = clock.monotonicMs();
  const now = (): number => clock.monotonicMs() - began;
  const ended = new AbortController();
  let frozen = 0;
  const durationMs = (): number => {
    frozen += 1;
    return Math.round(leaseMs * (leases.least + random() * (leases.most - leases.least)));
  };
  const thawing = thawDaemons(cluster, { clock, signal: ended.signal, durationMs, onFault });
  const pause = (ms: number): Promise<void> => clock.sleep(ms, signal).catch(() => undefined);

  await pause(fromMs);
  const longestMs = leaseMs * leases.most;
  for (let turn = 0; !signal.aborted && now() + patienceMs + longestMs < untilMs; turn += 1) {
    const node = cluster.nodes[Math.floor(random() * cluster.nodes.length)];
    const point = order[turn % order.length];
    if (node === undefined || point === undefined) break;
    const before = frozen;
    const file = join(options.directory, node.id);
    writeFileSync(file, point);
    const givenMs = now();
    while (frozen === before && now() < givenMs + patienceMs && !signal.aborted) await pause(20);
    // Not taken: the daemon is away.
    rmSync(file, { force: true });
    await pause((frozen === before ? 0 : longestMs) + pauseMs * (0.5 + random()));
  }
  ended.abort(new Error('no more freezes'));
  return thawing;
}
