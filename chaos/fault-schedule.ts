// Fault schedule: which faults come when, drawn from a seed.
//
// One member of etcd is out at a time, and the next only when it has had time to come back: a majority is always there.
// Daemons are taken freely, but never all at once. Pure.

import { randomFrom } from '#internal/testkit/random.ts';
import {
  doableKinds,
  etcdLeader,
  everyPath,
  type FaultKind,
  type FaultLength,
  type FaultReach,
  faultKinds,
  faultTable,
  type PlannedFault,
} from './fault.ts';
import type { ShapeName } from './scenario.ts';

export interface ScheduleOptions {
  readonly seed: number;
  /** The first milliseconds, which show what is done without faults. */
  readonly quietMs: number;
  /** Every fault is over by then. */
  readonly endMs: number;
  /** Lease of the daemons' sessions, in milliseconds. */
  readonly leaseMs: number;
  readonly nodes: readonly string[];
  /** Default: all that need neither toxiproxy nor libfaketime. */
  readonly kinds?: readonly FaultKind[];
  /** Default `steady`. */
  readonly shape?: ShapeName;
}

/** Faults that come one after another, with pauses between; several lanes run beside each other. */
interface Lane {
  readonly reach: FaultReach | 'any';
  /** Milliseconds. */
  readonly pause: readonly [least: number, most: number];
}

const daemonLane: Lane = { reach: 'daemon', pause: [300, 2_500] };
/** Milliseconds: a member that was killed has its log to read and a leader to find: a second, three on a loaded machine. */
export const memberBackMs = 3_000;
const memberLane: Lane = { reach: 'member', pause: [memberBackMs, 5_000] };
const pathLane: Lane = { reach: 'path', pause: [500, 3_000] };
const storeLane: Lane = { reach: 'store', pause: [1_000, 4_000] };
const clockLane: Lane = { reach: 'clock', pause: [500, 3_000] };
const anyLane: Lane = { reach: 'any', pause: [3_000, 5_000] };

/** In a storm pauses are this much shorter; a member still gets the time that it needs to come back. */
const stormShare = 0.2;

function lanesOf(nodes: number, shape: ShapeName): readonly Lane[] {
  const daemons = Array.from({ length: Math.max(1, nodes - 1) }, () => daemonLane);
  const all = [memberLane, pathLane, ...daemons, storeLane, clockLane];
  switch (shape) {
    case 'calm':
      return [];
    case 'single':
      return [anyLane];
    case 'steady':
      return all;
    case 'storm':
      return all.map((lane) =>
        lane === memberLane ? lane : { ...lane, pause: [lane.pause[0] * stormShare, lane.pause[1] * stormShare] },
      );
  }
}

const withoutMeans: readonly FaultKind[] = doableKinds(faultKinds, {});

/** In the order in which they begin. The same for the same options. */
export function scheduleFaults(options: ScheduleOptions): readonly PlannedFault[] {
  const random = randomFrom(options.seed);
  const between = ([least, most]: readonly [number, number]): number => Math.round(least + random() * (most - least));
  const decks = new Map<Lane['reach'], () => FaultKind | undefined>();
  for (const reach of ['daemon', 'member', 'path', 'store', 'clock', 'any'] as const)
    decks.set(
      reach,
      dealer(
        (options.kinds ?? withoutMeans).filter((kind) => reach === 'any' || faultTable[kind].reach === reach),
        random,
      ),
    );
  const planned: PlannedFault[] = [];
  for (const lane of lanesOf(options.nodes.length, options.shape ?? 'steady')) {
    let at = options.quietMs + between([0, lane.pause[1]]);
    for (let kind = decks.get(lane.reach)?.(); kind !== undefined; kind = decks.get(lane.reach)?.()) {
      const durationMs = durationOf(faultTable[kind].length, options.leaseMs, between);
      if (at + durationMs > options.endMs) break;
      const { reach } = faultTable[kind];
      const nodes = free(planned, options.nodes, { reach, at, durationMs });
      const candidates = reach === 'path' ? [...nodes, everyPath] : nodes;
      const target = kind === 'etcd-leader-kill' ? etcdLeader : pick(candidates, random);
      if (target !== undefined) planned.push({ kind, target, at, durationMs });
      at += durationMs + between(lane.pause);
    }
  }
  return planned.sort((a, b) => a.at - b.at);
}

/** Deals a pack, shuffled anew each time it is used up: in a short run, too, every kind comes about as often. */
function dealer(pack: readonly FaultKind[], random: () => number): () => FaultKind | undefined {
  let left: FaultKind[] = [];
  return () => {
    if (left.length === 0)
      left = pack
        .map((kind) => [random(), kind] as const)
        .sort(([a], [b]) => a - b)
        .map(([, kind]) => kind);
    return left.pop();
  };
}

function durationOf(
  length: FaultLength,
  leaseMs: number,
  between: (span: readonly [number, number]) => number,
): number {
  if (length === 'at-once') return 0;
  return 'ms' in length ? between(length.ms) : between([length.leases[0] * leaseMs, length.leases[1] * leaseMs]);
}

/** Nodes to which nothing of the same reach is done meanwhile. */
function free(
  planned: readonly PlannedFault[],
  nodes: readonly string[],
  { reach, at, durationMs }: { readonly reach: FaultReach; readonly at: number; readonly durationMs: number },
): readonly string[] {
  const meanwhile = planned.filter(
    (other) =>
      faultTable[other.kind].reach === reach && other.at <= at + durationMs && at <= other.at + other.durationMs,
  );
  return nodes.filter((node) => meanwhile.every(({ target }) => target !== node));
}

const pick = (nodes: readonly string[], random: () => number): string | undefined =>
  nodes[Math.floor(random() * nodes.length)];
