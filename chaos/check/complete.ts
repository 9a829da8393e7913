// Complete: whether the witness heard everything, without which no other verdict means much.

import type { EventLog, LoggedEvent } from '../event-log.ts';
import type { Court } from './invariant.ts';

export interface Heard {
  readonly log: EventLog;
  readonly listed: readonly LoggedEvent[];
  readonly listedAt: bigint;
  readonly relisted: number;
}

/**
 * All keys of the cluster lie under the one prefix, so that etcd's revisions leave no gap in the log; and whatever the
 * log says stands, and nothing else, stands in the list.
 */
export function judgeComplete(court: Court, { log, listed, listedAt, relisted }: Heard): void {
  court.check('witness', relisted === 0, () => `the watch had to begin anew ${relisted} times`);
  court.check('witness', log.to >= listedAt, () => `heard up to ${log.to}, the list is of ${listedAt}`);
  let last = log.from;
  for (const { revision } of log.events) {
    court.check('witness', revision === last || revision === last + 1n, () => `after ${last} came ${revision}`);
    last = revision;
  }
  court.check('witness', last === log.to, () => `the last event is of ${last}, the store is at ${log.to}`);
  const standing = new Map<string, LoggedEvent>();
  for (const event of [...log.base, ...log.events]) {
    if (event.value === undefined) standing.delete(event.key);
    else standing.set(event.key, event);
  }
  for (const { key, revision, value = new Uint8Array() } of listed) {
    const heard = standing.get(key);
    standing.delete(key);
    const same = heard?.revision === revision && Buffer.compare(heard.value ?? new Uint8Array(), value) === 0;
    court.check('witness', same, () => `${key} is of ${revision} in the list, of ${heard?.revision} in the log`);
  }
  for (const key of standing.keys()) court.check('witness', false, () => `${key} stands in the log, not in the list`);
}
