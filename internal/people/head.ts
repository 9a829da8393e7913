// Head: the newest snapshot about people of a daemon, and those who wait for one.

import type { PersonBatch } from '#internal/model/model.ts';
import { emptyPeople, foldPeople, type People } from './snapshot.ts';

export interface PeopleHead {
  /** Undefined: nothing was read yet. */
  snapshot(): People | undefined;
  advance(batch: PersonBatch): void;
  /** Resolves when the snapshot's revision is at least this one; rejects with the signal's reason. */
  reached(revision: bigint, signal: AbortSignal): Promise<void>;
}

/** @param changed hears of every batch that changed something */
export function createPeopleHead(changed: (batch: PersonBatch) => void = () => {}): PeopleHead {
  let newest: People | undefined;
  const waiting = new Set<() => void>();
  return {
    snapshot: () => newest,
    advance(batch) {
      newest = foldPeople(newest ?? emptyPeople(), batch);
      for (const look of [...waiting]) look();
      if (batch.relisted || batch.events.length > 0) changed(batch);
    },
    reached(revision, signal) {
      return new Promise((resolve, reject) => {
        const leave = (): void => {
          waiting.delete(look);
          signal.removeEventListener('abort', abort);
        };
        const abort = (): void => {
          leave();
          reject(signal.reason);
        };
        const look = (): void => {
          if (newest === undefined || newest.revision < revision) return;
          leave();
          resolve();
        };
        if (signal.aborted) return abort();
        signal.addEventListener('abort', abort);
        waiting.add(look);
        look();
      });
    },
  };
}
