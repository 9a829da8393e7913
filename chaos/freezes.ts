// Freezes: has daemons stop themselves at points between choosing and answering, and lets them go on when their leases
// have run out.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { type DoneFault, faultTable, type PlannedFault } from './fault.ts';
import { thawDaemons } from './fault-thaw.ts';
import type { Point } from './patch.ts';

export interface PlannedFreeze {
  readonly node: string;
  readonly point: Point;
  /** Milliseconds since the run began. */
  readonly at: number;
  readonly durationMs: number;
}

export interface FreezePlanOptions {
  readonly seed: number;
  readonly nodes: readonly string[];
  readonly leaseMs: number;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly points?: readonly Point[];
  /** Milliseconds between two; default 500 to 2,500. */
  readonly pauseMs?: readonly [least: number, most: number];
}

// Those first after which a deposed leader tries to commit: a short run, too, has one of them.
const usualPoints: readonly Point[] = [
  ...(['boarded', 'sending', 'answered', 'linked'] as const),
  ...(['landed', 'telling', 'alone', 'forwarding'] as const),
];
/** In leases: as long as others need to take over and to commit. */
const length = { least: 2, most: 3 };
const usualPauseMs = [500, 2_500] as const;
/** Milliseconds: a point that is not passed until then will not be. */
const patienceMs = 2_000;
/** A daemon that comes back gets its pools again within this time, and then has something to lose. */
const settledMs = 4_000;
/** To try what it was about to do. */
const afterwardsMs = 1_500;

/** One after another. The same for the same options. */
export function planFreezes(options: FreezePlanOptions): readonly PlannedFreeze[] {
  const { seed, nodes, leaseMs, fromMs, untilMs, points = usualPoints, pauseMs = usualPauseMs } = options;
  const random = randomFrom(seed * 7 + 3);
  const between = (least: number, most: number): number => Math.round(least + random() * (most - least));
  const planned: PlannedFreeze[] = [];
  for (let at = fromMs; planned.length < 1_000; ) {
    const durationMs = between(length.least * leaseMs, length.most * leaseMs);
    const node = nodes[Math.floor(random() * nodes.length)];
    const point = points[planned.length % points.length];
    if (node === undefined || point === undefined || at + patienceMs + durationMs > untilMs) break;
    planned.push({ node, point, at, durationMs });
    at += patienceMs + durationMs + between(...pauseMs);
  }
  return planned;
}

/** Without those that would keep a daemon from standing where it is to stop, or from going on afterwards. */
export function leaveAlone(
  planned: readonly PlannedFault[],
  freezes: readonly PlannedFreeze[],
): readonly PlannedFault[] {
  return planned.filter(({ kind, target, at, durationMs }) => {
    const disturbs = faultTable[kind].reach === 'daemon' && kind !== 'lease-revoked';
    return !freezes.some((freeze) => {
      const from = freeze.at - settledMs;
      const to = freeze.at + patienceMs + freeze.durationMs + afterwardsMs;
      return disturbs && freeze.node === target && at < to && at + durationMs > from;
    });
  });
}

/** World-writable: the daemons are another user than we, and take the orders away. */
export function makeOrderDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o777);
}

export interface FreezeOptions {
  readonly clock: Clock;
  /** Of the orders that the loaders in the daemons read. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onFault: (fault: DoneFault) => void;
  /** The daemon to freeze in place of the planned one; undefined: the planned one. */
  readonly instead: () => string | undefined;
}

/** An order that no point answers to: the one before it is not to be followed any more. */
const noPoint = 'none';
/** Milliseconds: the loaders have read their orders by then. */
const readWithinMs = 500;

/** Done when the last has been let go on. */
export async function freezeDaemons(
  cluster: Cluster,
  planned: readonly PlannedFreeze[],
  options: FreezeOptions,
): Promise<readonly DoneFault[]> {
  const { clock, signal, directory, onFault } = options;
  const began = clock.monotonicMs();
  const now = (): number => clock.monotonicMs() - began;
  const pause = (ms: number): Promise<void> => clock.sleep(Math.max(0, ms), signal).catch(() => undefined);
  const ended = new AbortController();
  let frozen = 0;
  let current = 0;
  const durationMs = (): number => {
    frozen += 1;
    return current;
  };
  const thawing = thawDaemons(cluster, { clock, signal: ended.signal, durationMs, onFault });
  for (const freeze of planned) {
    await pause(freeze.at - now());
    if (signal.aborted) break;
    const before = frozen;
    const file = join(directory, options.instead() ?? freeze.node);
    current = freeze.durationMs;
    writeFileSync(file, freeze.point);
    const givenMs = now();
    while (frozen === before && now() < givenMs + patienceMs && !signal.aborted) await pause(20);
    if (frozen === before && !signal.aborted) {
      // The daemon is away, or had nothing to do there: it leads nothing, or the machine is slow. Then from outside.
      writeFileSync(file, noPoint);
      cluster.node(freeze.node).daemon.pause();
    }
    await pause(freeze.durationMs);
  }
  // One that was away may have found its order only now.
  await clock.sleep(readWithinMs);
  ended.abort(new Error('no more freezes'));
  return thawing;
}
