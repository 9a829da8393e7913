// Away: while etcd has no majority, whoever asks is told so, soon and truly, and the daemons do not swell.

import type { Attempt, History } from '../history.ts';
import type { Court } from './invariant.ts';

/** On the clock of the attempts. */
export interface Away {
  readonly fromNs: number;
  readonly toNs: number;
}

/** What was under way when it went may still be answered, and a silence is noticed after 3 s (etcd/watch-session.ts). */
const noticedNs = 6e9;
/** A daemon gives a request 2 s; the rest is a loaded machine. */
const answeredNs = 2.5e9;
/** Of memory. */
const mostGrowth = 1.2;
/**
 * For so long the heap of a daemon that has just begun grows whatever happens: from 125 to 200 MB, and to 208 in the eight minutes after
 * that (measured). Half of a shorter time.
 */
const warmNs = 120e9;

export function judgeAway(court: Court, { attempts, looks, samples }: History, { fromNs, toNs }: Away): void {
  const within = (atNs: number): boolean => atNs > fromNs + noticedNs && atNs < toNs;
  const name = ({ request, node, outcome, reason }: Attempt): string => `${request} at ${node}: ${outcome} ${reason}`;
  for (const attempt of attempts) {
    const { invokedNs, returnedNs, outcome } = attempt;
    if (!within(invokedNs) || returnedNs > toNs) continue;
    // A repeat of what is known, and what follows from the request alone, need no store.
    const told = outcome === 'unavailable' || outcome === 'unknown' || outcome === 'refused' || attempt.repeated;
    court.check('away', told, () => `${name(attempt)}, while nothing could be written`);
    const tookMs = (returnedNs - invokedNs) / 1e6;
    court.check('away', returnedNs - invokedNs <= answeredNs, () => `${name(attempt)} after ${tookMs.toFixed(0)} ms`);
  }
  for (const { node, stale, atNs } of looks)
    if (within(atNs)) court.check('away', stale, () => `${node} did not say that what it shows is old`);
  for (const [node, own] of Map.groupBy(samples, (sample) => sample.node)) {
    const warm = (own[0]?.atNs ?? 0) + Math.min(warmNs, (toNs - fromNs) / 2);
    const during = own.filter(({ atNs }) => within(atNs) && atNs >= warm);
    const [first, last] = [during[0], during.at(-1)];
    if (first === undefined || last === undefined || first.pid !== last.pid) continue;
    court.check('away', last.rssBytes <= first.rssBytes * mostGrowth, () => {
      return `${node} grew from ${first.rssBytes} to ${last.rssBytes} bytes`;
    });
  }
}
