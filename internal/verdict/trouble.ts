// Trouble: what is wrong with a path and the node at its end, each with a word that is the same in API, metrics and docs.

/** Of a path at a moment. */
export interface Evidence {
  /** BFD on the link; undefined: nobody tells. */
  readonly up: boolean | undefined;
  /** Times that the link was lost: counts up, or begins anew. */
  readonly downs: number;
  /** The node at its end as the mesh knows it; undefined: never heard. */
  readonly neighbour: Neighbour | undefined;
}

export interface Neighbour {
  readonly heard: boolean;
  /** False: it says that it does not hear us. */
  readonly hearsUs: boolean;
  readonly rttMs: number | undefined;
  readonly loopLagMs: number;
  /** Load average for each processor. */
  readonly load: number;
  /** Its grpc.health.v1 answers NOT_SERVING. */
  readonly notServing: boolean;
}

export type Trouble = 'down' | 'flapping' | 'not-serving' | 'silent' | 'one-way' | 'overloaded' | 'lagging';

/**
 * By how many halves a path's share shrinks. A link that is down has no routes: BIRD has taken them, and nothing is left to
 * share. A node whose daemon is silent may forward as well as ever, so that a quarter stays.
 */
const halves: Readonly<Record<Trouble, number>> = {
  down: 0,
  flapping: 4,
  'not-serving': 4,
  silent: 2,
  'one-way': 2,
  overloaded: 2,
  lagging: 1,
};

/** Any of them: a path that is not to be counted on. */
const grave: ReadonlySet<Trouble> = new Set(['down', 'flapping', 'not-serving']);
export const isGrave = (troubles: readonly Trouble[]): boolean => troubles.some((trouble) => grave.has(trouble));

/**
 * Twice as many runnable as processors, where packets wait for one as often as not, and twice as many as at the least loaded
 * neighbour: where all are busy nobody has anything to gain. Ends at three quarters.
 */
const overload = 2;
const timesLeast = 2;
/** Milliseconds; ten times what a daemon's loop may be late at its 99th percentile when nothing is wrong. Ends at a half. */
const lag = 500;

const above = (value: number, limit: number, end: number, before: boolean): boolean =>
  value >= (before ? limit * end : limit);

/** What the paths of a node are seen against. */
export interface Around {
  /** Nobody at all is heard: that is a fault of this node's, and says nothing of any path. */
  readonly alone: boolean;
  /** Of the neighbours that are heard. */
  readonly leastLoad: number;
}

export const around = (all: Iterable<Evidence>): Around => {
  const loads = [...all].flatMap(({ neighbour }) => (neighbour?.heard === true ? [neighbour.load] : []));
  return { alone: loads.length === 0, leastLoad: Math.min(...loads) };
};

export function troublesOf(
  { up, neighbour }: Evidence,
  suppressed: boolean,
  before: readonly Trouble[],
  { alone, leastLoad }: Around,
): readonly Trouble[] {
  const found: Trouble[] = [];
  if (up === false) found.push('down');
  if (suppressed) found.push('flapping');
  if (neighbour === undefined) return found;
  if (!neighbour.heard) {
    // What it said last is of no moment that is known.
    if (!alone) found.push('silent');
    return found;
  }
  if (neighbour.notServing) found.push('not-serving');
  if (!neighbour.hearsUs) found.push('one-way');
  const limit = Math.max(overload, timesLeast * leastLoad);
  if (above(neighbour.load, limit, 0.75, before.includes('overloaded'))) found.push('overloaded');
  if (above(neighbour.loopLagMs, lag, 0.5, before.includes('lagging'))) found.push('lagging');
  return found;
}

export const halvesOf = (troubles: readonly Trouble[]): number =>
  troubles.reduce((sum, trouble) => sum + halves[trouble], 0);
