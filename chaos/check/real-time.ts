// Real time: who was answered before another began has the lower revision.

import type { Attempt } from '../history.ts';
import type { Court } from './invariant.ts';

/** O(n log n): the attempts in the order of their beginnings, against the highest revision answered until then. */
export function judgeRealTime(court: Court, attempts: readonly Attempt[]): void {
  const granted = attempts.filter(({ outcome }) => outcome === 'ok');
  const answered = granted.toSorted((a, b) => a.returnedNs - b.returnedNs);
  // A remembered answer names the revision of its first commit, which is older than its question.
  const asked = granted.filter(({ repeated }) => !repeated).sort((a, b) => a.invokedNs - b.invokedNs);
  let highest: Attempt | undefined;
  let at = 0;
  for (const attempt of asked) {
    for (let next = answered[at]; next !== undefined && next.returnedNs < attempt.invokedNs; next = answered[at]) {
      if (highest === undefined || next.revision > highest.revision) highest = next;
      at += 1;
    }
    const before = highest;
    // A second attempt of the same request is that request.
    if (before === undefined || before.request === attempt.request) continue;
    court.check('real-time', before.revision < attempt.revision, () => {
      return `${before.request} was answered with ${before.revision}, then ${attempt.request} began and got ${attempt.revision}`;
    });
  }
}
