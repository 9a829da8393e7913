// Counters: which peers have carried bytes since the network half was last told. Looks at what is read for handshakes
// anyway, and keeps quiet for a while between two tales.

import type { Clock } from '#internal/clock/clock.ts';

/** Public key, bytes received and sent so far, access interface. */
export type Counters = readonly [publicKey: string, rxBytes: number, txBytes: number, link: string];

export interface Counted {
  readonly link: string;
  readonly publicKey: string;
  readonly rxBytes: number;
  readonly txBytes: number;
}

/** What is told is written to a disk each 15 s at most (traffic/traffic.ts). */
const tellMs = 10_000;

export interface CounterWatch {
  /** O(peers). */
  look(peers: Iterable<Counted>): void;
  /** Everything that was seen, for a network half that has just come. */
  all(): readonly Counters[];
}

/** Calls back with the peers that moved, at most each 10 s, until the signal is aborted. */
export function watchCounters(
  clock: Clock,
  tell: (moved: readonly Counters[]) => void,
  signal: AbortSignal,
): CounterWatch {
  let seen = new Map<string, Counters>();
  // With what was seen last: of a peer that goes before it is told (its key was rotated), nobody else knows.
  let moved = new Map<string, Counters>();
  let waiting = false;
  const tellLater = (): void => {
    if (waiting || moved.size === 0) return;
    waiting = true;
    clock.sleep(tellMs, signal).then(
      () => {
        waiting = false;
        const told = [...moved.values()];
        moved = new Map();
        tell(told);
      },
      () => undefined,
    );
  };
  return {
    look: (peers) => {
      const now = new Map<string, Counters>();
      for (const { link, publicKey, rxBytes, txBytes } of peers) {
        const peer = `${link} ${publicKey}`;
        const before = seen.get(peer);
        const same = before !== undefined && before[1] === rxBytes && before[2] === txBytes;
        // A peer that never carried anything has nothing to tell.
        if (before === undefined && rxBytes === 0 && txBytes === 0) continue;
        const counters: Counters = same ? before : [publicKey, rxBytes, txBytes, link];
        now.set(peer, counters);
        if (!same) moved.set(peer, counters);
      }
      seen = now;
      tellLater();
    },
    all: () => [...seen.values()],
  };
}
