// In flight: allocations that this daemon has chosen and its snapshot does not show yet. A second request that is
// decided meanwhile takes others, instead of losing a transaction against ourselves.

import type { Decision } from '#internal/model/record.ts';

// Two keys a tunnel, some thousand requests a second, milliseconds until the watch shows them: far from reached. A
// key that is dropped too early costs a conflict and another try.
const mostKeys = 65_536;

export interface InFlight {
  readonly keys: ReadonlySet<string>;
  /** From now until release or settle. */
  take(decision: Decision): readonly string[];
  /** The decision came to nothing. */
  release(keys: readonly string[]): void;
  /** The decision was committed: its keys go when a snapshot of this revision is there. */
  settle(keys: readonly string[], revision: bigint): void;
  /** A snapshot of this revision is there. */
  seen(revision: bigint): void;
}

export function createInFlight(): InFlight {
  const keys = new Set<string>();
  const settled = new Map<string, bigint>();
  const release = (gone: readonly string[]): void => {
    for (const key of gone) {
      keys.delete(key);
      settled.delete(key);
    }
  };
  return {
    keys,
    take(decision) {
      const taken: string[] = [];
      for (const write of decision.writes) {
        if (write.op === 'put' && write.kind === 'allocation') taken.push(write.id);
      }
      for (const key of taken) keys.add(key);
      for (const oldest of keys) {
        if (keys.size <= mostKeys) break;
        release([oldest]);
      }
      return taken;
    },
    release,
    settle(committed, revision) {
      for (const key of committed) if (keys.has(key)) settled.set(key, revision);
    },
    seen(revision) {
      for (const [key, committed] of settled) if (committed <= revision) release([key]);
    },
  };
}
