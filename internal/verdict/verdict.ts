// Verdict: what each path to a neighbour is worth, out of what mesh and BFD show of it.
//
// On the path: evidence comes in twice a second, shares go out to desired: of flows that have several equal paths, and
// which path is made longer while it flaps.
// Never: takes a path away. Losing a link is BFD's and BIRD's alone, and a daemon that hangs while its node forwards
// costs it no more than a part of its share.

import { noPenalty, type Penalty, penalised } from './damping.ts';
import { doublings, shortest, withSample } from './distance.ts';
import { type Around, around, type Evidence, halvesOf, isGrave, type Trouble, troublesOf } from './trouble.ts';

export type { Evidence, Neighbour, Trouble } from './trouble.ts';

export type Verdict = 'good' | 'degraded' | 'bad';

/** What BIRD is told of a path. */
export interface Share {
  /** 1, 2, 4, 8 or 16, against those of equal paths. */
  readonly weight: number;
  /** It counts as longer than it is: taken where there is no other. */
  readonly detour: boolean;
}

export interface Path {
  readonly troubles: readonly Trouble[];
  readonly share: Share;
  readonly penalty: Penalty;
  readonly rtts: readonly number[];
  readonly farther: number;
  /** Since when the share that it should have is less, and since when more, than the one it has. */
  readonly worseSinceMs: number | undefined;
  readonly betterSinceMs: number | undefined;
}

export interface Verdicts {
  readonly atMs: number;
  /** The last change of a share. */
  readonly changedMs: number;
  /** By the name of the link. */
  readonly paths: ReadonlyMap<string, Path>;
}

export const fullShare: Share = { weight: 16, detour: false };
export const noVerdicts: Verdicts = {
  atMs: Number.NEGATIVE_INFINITY,
  changedMs: Number.NEGATIVE_INFINITY,
  paths: new Map(),
};

/** DESIGN 7. Of all paths together: each change is a reading of BIRD's configuration. */
const changeEachMs = 10_000;
/** A machine may stand still for two seconds (measured), and everything is late then. */
const worseForMs = 3_000;
/** What was bad for a while is tried again slowly, in steps. */
const betterForMs = 30_000;
/** This daemon itself stood still: nothing held meanwhile. */
const standstillMs = 2_000;

export const verdictOf = ({ troubles }: Pick<Path, 'troubles'>): Verdict =>
  troubles.length === 0 ? 'good' : isGrave(troubles) ? 'bad' : 'degraded';

const isWorse = (next: Share, now: Share): boolean => next.weight < now.weight || (next.detour && !now.detour);
const isSame = (a: Share, b: Share): boolean => a.weight === b.weight && a.detour === b.detour;

interface Wish {
  readonly path: Path;
  readonly wanted: Share;
}

function looked(before: Path | undefined, evidence: Evidence, nowMs: number, near: Around): Path {
  const old = before ?? {
    ...{ troubles: [], share: fullShare, penalty: noPenalty(evidence.downs, nowMs), rtts: [], farther: 0 },
    ...{ worseSinceMs: undefined, betterSinceMs: undefined },
  };
  const penalty = penalised(old.penalty, evidence.downs, nowMs);
  const troubles = troublesOf(evidence, penalty.suppressed, old.troubles, near);
  const { neighbour } = evidence;
  const rtts = withSample(old.rtts, neighbour?.heard === true ? neighbour.rttMs : undefined);
  return { ...old, penalty, troubles, rtts };
}

/** How long what is wanted has been less, or more, than what is. @param hold when nothing before counts */
function timed({ path, wanted }: Wish, nowMs: number, hold: boolean): Wish {
  const { share } = path;
  // To be the last path is no reason to wait.
  const last = share.detour && !wanted.detour && path.penalty.suppressed;
  const worse = last || isWorse(wanted, share);
  const better = !worse && !isSame(wanted, share);
  const since = (is: boolean, before: number | undefined): number | undefined =>
    is ? (hold ? nowMs : (before ?? nowMs)) : undefined;
  return {
    wanted,
    path: {
      ...path,
      worseSinceMs: since(worse, path.worseSinceMs),
      betterSinceMs: since(better, path.betterSinceMs),
    },
  };
}

const heldFor = (sinceMs: number | undefined, forMs: number, nowMs: number): boolean =>
  sinceMs !== undefined && nowMs - sinceMs >= forMs;

/** The share that has become due; undefined: the one it has. Down at once, up by one doubling. */
function due({ path, wanted }: Wish, nowMs: number): Share | undefined {
  if (heldFor(path.worseSinceMs, worseForMs, nowMs)) return wanted;
  if (!heldFor(path.betterSinceMs, betterForMs, nowMs)) return undefined;
  return { weight: Math.min(wanted.weight, path.share.weight * 2), detour: wanted.detour };
}

/**
 * The verdicts on all paths at a moment, from those before. O(paths). Paths without evidence are forgotten.
 * @param nowMs monotonic
 */
export function judged(before: Verdicts, evidence: ReadonlyMap<string, Evidence>, nowMs: number): Verdicts {
  const neighbours = around(evidence.values());
  const seen = [...evidence].map(
    ([link, of]) => [link, of, looked(before.paths.get(link), of, nowMs, neighbours)] as const,
  );
  const near = seen.flatMap(([, , { rtts }]) => shortest(rtts) ?? []);
  const best = near.length === 0 ? undefined : Math.min(...near);
  const sound = seen.filter(([, { up }, { penalty }]) => up === true && !penalty.suppressed).length;
  const hold = nowMs - before.atMs > standstillMs;
  const wishes = seen.map(([link, , path]) => {
    const farther = doublings(shortest(path.rtts), best, path.farther);
    const weight = Math.max(1, fullShare.weight >> Math.min(4, farther + halvesOf(path.troubles)));
    // The last path is taken as it is, however it flaps.
    const wanted = { weight, detour: path.penalty.suppressed && sound > 0 };
    return [link, timed({ path: { ...path, farther }, wanted }, nowMs, hold)] as const;
  });
  const rests = nowMs - before.changedMs < changeEachMs;
  let { changedMs } = before;
  const paths = new Map<string, Path>();
  for (const [link, wish] of wishes) {
    const share = rests ? undefined : due(wish, nowMs);
    if (share === undefined || isSame(share, wish.path.share)) {
      paths.set(link, wish.path);
      continue;
    }
    changedMs = nowMs;
    paths.set(link, { ...wish.path, share });
  }
  return { atMs: nowMs, changedMs, paths };
}
