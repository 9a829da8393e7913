// Judge: whether a text of BIRD that is on trial stays. Pure.
//
// A text is at fault only for what was up before it: where nothing was, an outage is not the text's doing.

import type { Lifeline } from '#internal/dataplane/dataplane.ts';

export type Purpose = Lifeline['to'];

/** What BIRD shows in one look. */
export interface Sight {
  /** Neither reconfiguring nor shutting down. */
  readonly settled: boolean;
  /** Protocols of this node alone that were up before and are not now. */
  readonly down: readonly string[];
  /** Names of the BGP sessions and of the adjacencies of OSPF that stand. */
  readonly established: ReadonlySet<string>;
}

export type Verdict = 'stays' | 'wait' | { readonly undone: string };

export interface Pace {
  /** How long a text is looked at before it is undone. */
  readonly trialMs: number;
  /** After which BIRD goes back by itself, should we be gone. */
  readonly wayBackSeconds: number;
}

/**
 * A session that begins anew with both ends' new texts is back after 1 to 3 s (connect delay, error wait, retry; measured
 * 2.8 s). One that is undone after 5 s is back within 10 s of its loss. BIRD's own way back is later than any trial of ours.
 */
export const usualPace: Pace = { trialMs: 5_000, wayBackSeconds: 10 };

/** Purposes of which at least one session is established. */
export const reached = (lifelines: readonly Lifeline[], established: ReadonlySet<string>): readonly Purpose[] =>
  lifelines.filter(({ sessions }) => sessions.some((name) => established.has(name))).map(({ to }) => to);

const words: Readonly<Record<Purpose, string>> = {
  cores: 'no session to a CORE is up any more',
  loopbacks: 'no session between loopbacks with a CORE is up any more',
  upstreams: 'no session to an upstream is up any more',
};

/** What is missing of what was there; undefined: nothing. */
export function missing(
  expected: readonly Purpose[],
  lifelines: readonly Lifeline[],
  { settled, down, established }: Sight,
): string | undefined {
  if (!settled) return 'it is still reconfiguring';
  if (down.length > 0) return `${down.join(', ')} did not come up`;
  const there = reached(lifelines, established);
  const lost = expected.find((purpose) => !there.includes(purpose));
  return lost && words[lost];
}

/** @param lookedMs for how long BIRD was looked at since it loaded the text */
export function judge(lacks: string | undefined, lookedMs: number, { trialMs }: Pace): Verdict {
  if (lacks === undefined) return 'stays';
  return lookedMs < trialMs ? 'wait' : { undone: lacks };
}
