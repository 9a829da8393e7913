// Head: the newest snapshot of this daemon, and those who wait for one.

import type { Snapshot } from '#internal/model/model.ts';

export interface Head {
  snapshot(): Snapshot;
  advance(snapshot: Snapshot): void;
  /** Resolves when the snapshot's revision is at least this one; rejects with the signal's reason. */
  reached(revision: bigint, signal: AbortSignal): Promise<void>;
}

export function createHead(first: Snapshot): Head {
  let newest = first;
  const waiting = new Set<() => void>();
  return {
    snapshot: () => newest,
    advance(snapshot) {
      newest = snapshot;
      for (const look of [...waiting]) look();
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
          if (newest.revision < revision) return;
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
