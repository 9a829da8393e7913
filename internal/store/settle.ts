// Settle: the fate of a transaction whose answer was lost.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { type Etcd, failureCode } from '#internal/etcd/etcd.ts';
import type { Link } from './audit.ts';

const firstPauseMs = 25;
const lastPauseMs = 400;

export interface Unsettled {
  /** Written by the transaction on condition that its key was absent. */
  readonly link: Link;
  /** Under the same key: that the transaction did not happen. */
  readonly instead: Link;
  /** Monotonic ms; until then etcd may try to carry the transaction out. */
  readonly untilMs: number;
}

/**
 * Writing the other record on the same condition settles it: either ours stands there already, or it never will. (A
 * read would only say that it does not yet; and etcd 3.4.20 to 3.4.41 may answer one from the past.) That other write
 * can be repeated freely.
 * @returns the revision of the transaction; undefined: it did not happen and never will, and `instead` stands there
 * @throws Fault `ambiguous` when etcd does not answer for one deadline beyond `untilMs`, or another's record is there
 */
export async function settle(
  etcd: Pick<Etcd, 'txn' | 'deadlineMs'>,
  clock: Clock,
  { link, instead, untilMs }: Unsettled,
): Promise<bigint | undefined> {
  const { key } = link;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, lastPauseMs)) {
    const askedMs = clock.monotonicMs();
    try {
      const { succeeded, found } = await etcd.txn({
        compares: [{ target: 'create', key, revision: 0n }],
        then: [{ op: 'put', ...instead }],
        otherwise: [{ op: 'get', key }],
      });
      const [entry] = found;
      if (entry !== undefined && Buffer.compare(entry.value, link.value) === 0) return entry.modRevision;
      // Or an earlier try of ours, whose answer was lost too.
      if (succeeded || (entry !== undefined && Buffer.compare(entry.value, instead.value) === 0)) return undefined;
      throw new Fault('misused', `${key} was written by another`);
    } catch (thrown) {
      const code = failureCode(thrown);
      const mayStillBeSettled = code === 'unavailable' || code === 'ambiguous';
      if (!mayStillBeSettled || askedMs >= untilMs + etcd.deadlineMs) {
        throw new Fault('ambiguous', `what ${key} was to tell of may have been carried out`, thrown);
      }
    }
    await clock.sleep(pauseMs);
  }
}
