// Damping: a link that goes up and down takes its flows along each time. Each loss adds to a penalty that decays by halves; above
// the cut-off the link is at rest, until the penalty has decayed to where it may be used again (RFC 2439 4.2).

export interface Penalty {
  readonly merit: number;
  readonly atMs: number;
  /** Times that the link was lost, as its counter stood. */
  readonly downs: number;
  readonly suppressed: boolean;
}

/** RFC 7196 3: what routers add for a loss. */
const perDown = 1_000;
/**
 * RFC 7196 4 finds 6,000 right for prefixes of the internet, where one loss shows as several; here one is one. The fourth
 * within a minute.
 */
const cutOff = 3_000;
const reuse = 750;
/** RFC 2439 4.2 has 15 minutes, for paths of other networks; a link of our own that has been quiet for two is believed. */
const halfLifeMs = 60_000;
/** Of four half-lives, however often it was lost: RFC 2439 4.2, maximum hold time. */
const ceiling = reuse * 2 ** 4;

export const noPenalty = (downs: number, nowMs: number): Penalty => ({
  merit: 0,
  atMs: nowMs,
  downs,
  suppressed: false,
});

/** @param downs of the counter now; one that is below the last began anew, with the half that counts. */
export function penalised(before: Penalty, downs: number, nowMs: number): Penalty {
  const decayed = before.merit * 2 ** (-Math.max(0, nowMs - before.atMs) / halfLifeMs);
  const merit = Math.min(ceiling, decayed + perDown * Math.max(0, downs - before.downs));
  return { merit, atMs: nowMs, downs, suppressed: before.suppressed ? merit >= reuse : merit >= cutOff };
}
