// Readings: what followers of the store were handed, against what etcd committed: nothing missed, nothing twice, never back.

import type { EventLog, LoggedEvent } from '../event-log.ts';
import type { Reading } from '../history.ts';
import { digestOf } from './digest.ts';
import type { Court } from './invariant.ts';

/** `prefix`: of what they follow. Nothing can be said of what was handed out before the log begins, or after it ends. */
export function judgeReadings(court: Court, log: EventLog, readings: readonly Reading[], prefix: string): void {
  const ofPrefix = ({ key }: LoggedEvent): boolean => key.startsWith(prefix);
  const events = log.events.filter(ofPrefix);
  for (const own of Map.groupBy(readings, ({ reader }) => reader).values()) {
    let seen: bigint | undefined;
    const cursor = walk(log.base.filter(ofPrefix), events);
    for (const reading of own) {
      const { reader, relisted, from, revision } = reading;
      if (seen !== undefined) {
        court.check('watch', from === seen, () => `${reader} was at ${seen} and goes on from ${from}`);
        court.check('watch', revision >= seen, () => `${reader} went back from ${seen} to ${revision}`);
      }
      seen = revision;
      if ((relisted ? revision : from) < log.from || revision > log.to) continue;
      const wanted = relisted ? cursor.standing(revision) : cursor.between(from, revision);
      const same = wanted.length === reading.events && digestOf(wanted) === reading.digest;
      court.check('watch', same, () => {
        const what = relisted ? `all of ${revision}` : `what came after ${from} up to ${revision}`;
        const keys = wanted.slice(0, 3).map(({ key }) => key);
        return `${reader} was handed ${reading.events} as ${what}, of which there are ${wanted.length}: ${keys.join(', ')}`;
      });
    }
  }
}

const byKey = (a: LoggedEvent, b: LoggedEvent): number => (a.key < b.key ? -1 : 1);

/** Goes through the events once; revisions are asked for in their order. */
function walk(base: readonly LoggedEvent[], events: readonly LoggedEvent[]) {
  const standing = new Map(base.map((event) => [event.key, event]));
  let at = 0;
  const upTo = (revision: bigint): readonly LoggedEvent[] => {
    const passed: LoggedEvent[] = [];
    for (let next = events[at]; next !== undefined && next.revision <= revision; next = events[at]) {
      passed.push(next);
      if (next.value === undefined) standing.delete(next.key);
      else standing.set(next.key, next);
      at += 1;
    }
    return passed;
  };
  return {
    between(from: bigint, revision: bigint): readonly LoggedEvent[] {
      upTo(from);
      return upTo(revision);
    },
    standing(revision: bigint): readonly LoggedEvent[] {
      upTo(revision);
      return [...standing.values()].sort(byKey);
    },
  };
}
