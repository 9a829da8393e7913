// Settle: the fate of a transaction whose answer was lost.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type Etcd, failureCode } from '#internal/etcd/etcd.ts';
import type { Link } from './audit.ts';

const firstPauseMs = 25;
const lastPauseMs = 400;

/**
 * The transaction wrote `link`, on condition that its key was absent. Writing another record there on the same condition
 * settles it: either ours stands there already, or it never will. (A read would only say that it does not yet; and etcd
 * 3.4.20 to 3.4.41 may answer one from the past.) That other write can be repeated freely.
 * @param untilMs monotonic; until then etcd may try to carry the transaction out
 * @returns the revision of the transaction; undefined: it did not happen and never will, and `instead` stands there
 * @throws Fault `ambiguous` when etcd does not answer for one deadline beyond that, or somebody else's record is there
 */
export async function settle(
  etcd: Pick<Etcd, 'txn' | 'deadlineMs'>,
  clock: Clock,
  link: Link,
  instead: Link,
  untilMs: number,
): Promise<bigint | undefined> {
  const { key } = link;
  let last: unknown;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, lastPauseMs)) {
    const askedMs = clock.monotonicMs();
    try {
      const { succeeded, found } = await etcd.txn({
        compares: [{ target: 'create', key, revision: 0n }],
        then: [{ op: 'put', ...instead }],
        otherwise: [{ op: 'get', key }],
      });
      const [entry] = found;
      if (succeeded) return undefined;
      if (entry !== undefined && Buffer.compare(entry.value, link.value) === 0) return entry.modRevision;
      // An earlier try of ours whose answer was lost too.
      if (entry !== undefined && Buffer.compare(entry.value, instead.value) === 0) return undefined;
      throw new Fault('ambiguous', `${key} was written by another`);
    } catch (thrown) {
      const code = failureCode(thrown);
      if (code !== 'unavailable' && code !== 'ambiguous') throw thrown;
      last = thrown;
    }
    if (askedMs >= untilMs + etcd.deadlineMs) {
      throw new Fault('ambiguous', `what ${key} tells of may have been carried out`, last);
    }
    await clock.sleep(pauseMs);
  }
}
