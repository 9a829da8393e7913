// Head: the newest snapshot of this daemon, its index of free space, and those who wait for one.

import type { FreeIndex } from '#internal/allocator/allocator.ts';
import { freeIndexOf } from '#internal/allocator/allocator.ts';
import type { RecordChange, Snapshot } from '#internal/model/model.ts';

export interface Head {
  snapshot(): Snapshot;
  /** Of that snapshot; mutable, to be used before the next advance. */
  freeIndex(): FreeIndex;
  /** `changes`: what the fold that led to the snapshot gave. A batch without any advances the revision. */
  advance(snapshot: Snapshot, changes: readonly RecordChange[]): void;
  /** Resolves when the snapshot's revision is at least this one; rejects with the signal's reason. */
  reached(revision: bigint, signal: AbortSignal): Promise<void>;
  /** How often a snapshot was older than the one before: the store was restored from a copy. */
  readonly setBacks: number;
}

export function createHead(first: Snapshot): Head {
  let newest = first;
  const freeIndex = freeIndexOf(first);
  const waiting = new Set<() => void>();
  let setBacks = 0;
  return {
    snapshot: () => newest,
    freeIndex: () => freeIndex,
    get setBacks() {
      return setBacks;
    },
    advance(snapshot, changes) {
      if (snapshot.revision < newest.revision) setBacks += 1;
      newest = snapshot;
      freeIndex.update(changes);
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
