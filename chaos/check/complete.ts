// Complete: whether the witness heard everything, without which no other verdict means much.

import type { EventLog, LoggedEvent } from '../event-log.ts';
import { valueDigest } from './digest.ts';
import type { Court } from './invariant.ts';

/** All keys as a list gave them at one revision. */
export interface Listed {
  readonly revision: bigint;
  readonly entries: readonly ListedEntry[];
}

/** Of its value what shows whether it is the same: lists of a long run would weigh more than its log. */
export interface ListedEntry {
  readonly key: string;
  /** Of its last change. */
  readonly revision: bigint;
  /** As valueDigest makes it. */
  readonly digest: string;
}

export interface Heard {
  readonly log: EventLog;
  /** In the order of their revisions; the last is of the end. */
  readonly listings: readonly Listed[];
  /** How often the watch had to begin anew: what was between is not known. */
  readonly relisted: number;
}

type Standing = Map<string, LoggedEvent>;

function note(standing: Standing, event: LoggedEvent): void {
  if (event.value === undefined) standing.delete(event.key);
  else standing.set(event.key, event);
}

/**
 * All keys of the cluster lie under the one prefix, so that etcd's revisions leave no gap in the log; and whatever the
 * log says stands at a revision, and nothing else, stands in a list of that revision.
 */
export function judgeComplete(court: Court, { log, listings, relisted }: Heard): void {
  court.check('witness', relisted === 0, () => `the watch had to begin anew ${relisted} times`);
  const standing: Standing = new Map();
  for (const event of log.base) note(standing, event);
  let asked = 0;
  const compareBelow = (revision: bigint): void => {
    for (let next = listings[asked]; next !== undefined && next.revision < revision; next = listings[asked]) {
      if (next.revision >= log.from) compare(court, standing, next);
      asked += 1;
    }
  };
  let last = log.from;
  for (const event of log.events) {
    const { revision } = event;
    court.check('witness', revision === last || revision === last + 1n, () => `after ${last} came ${revision}`);
    last = revision;
    compareBelow(revision);
    note(standing, event);
  }
  court.check('witness', last === log.to, () => `the last event is of ${last}, the log reaches to ${log.to}`);
  const end = listings.at(-1)?.revision;
  court.check(
    'witness',
    end !== undefined && log.to >= end,
    () => `the log reaches to ${log.to}, the list is of ${end}`,
  );
  compareBelow(log.to + 1n);
}

function compare(court: Court, standing: ReadonlyMap<string, LoggedEvent>, { revision: at, entries }: Listed): void {
  for (const { key, revision, digest } of entries) {
    const heard = standing.get(key);
    const same = heard?.revision === revision && heard.value !== undefined && valueDigest(heard.value) === digest;
    court.check(
      'witness',
      same,
      () => `at ${at} ${key} is of ${revision} in the list, of ${heard?.revision} in the log`,
    );
  }
  court.check('witness', entries.length === standing.size, () => {
    return `at ${at} the list has ${entries.length} keys, the log leaves ${standing.size}`;
  });
}
