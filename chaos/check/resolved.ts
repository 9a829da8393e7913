// Resolved: what nobody knew is known some time after the last fault.

import type { Attempt } from '../history.ts';
import type { Court } from './invariant.ts';

const resolvedWithinNs = 30e9;

/** `healedNs`: when the last fault had ended, on the clock of the attempts. */
export function judgeResolved(court: Court, asked: ReadonlyMap<string, readonly Attempt[]>, healedNs: number): void {
  for (const [request, attempts] of asked) {
    if (!attempts.some(({ outcome }) => outcome === 'unknown')) continue;
    const answered = attempts.filter(({ outcome }) => outcome === 'ok' || outcome === 'refused');
    const soonest = Math.min(...answered.map(({ returnedNs }) => returnedNs));
    const within = soonest <= healedNs + resolvedWithinNs;
    court.check('resolved', within, () => {
      const reasons = attempts.map(({ node, reason }) => `${node} ${reason}`).join(', ');
      return `${request}: ${attempts.length} attempts, ${reasons}`;
    });
  }
}
