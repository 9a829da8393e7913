// Real time: who was answered before another began has the lower revision.

import type { Attempt } from '../history.ts';
import type { Court } from './invariant.ts';

/** A request may have been carried out by any of its attempts: from when the first began. */
function beginnings(attempts: readonly Attempt[]): ReadonlyMap<string, number> {
  const first = new Map<string, number>();
  for (const { request, invokedNs } of attempts)
    first.set(request, Math.min(invokedNs, first.get(request) ?? invokedNs));
  return first;
}

/** O(n log n): the requests in the order of their beginnings, against the highest revision answered until then. */
export function judgeRealTime(court: Court, attempts: readonly Attempt[]): void {
  const began = beginnings(attempts);
  const beganNs = ({ request }: Attempt): number => began.get(request) ?? 0;
  const granted = attempts.filter(({ outcome }) => outcome === 'ok');
  const answered = granted.toSorted((a, b) => a.returnedNs - b.returnedNs);
  const asked = granted.toSorted((a, b) => beganNs(a) - beganNs(b));
  let highest: Attempt | undefined;
  let at = 0;
  for (const attempt of asked) {
    for (let next = answered[at]; next !== undefined && next.returnedNs < beganNs(attempt); next = answered[at]) {
      if (highest === undefined || next.revision > highest.revision) highest = next;
      at += 1;
    }
    const before = highest;
    if (before === undefined) continue;
    court.check('real-time', before.revision < attempt.revision, () => {
      const { request, revision } = attempt;
      return `${before.request} was answered with ${before.revision}, then ${request} began and got ${revision}`;
    });
  }
}
