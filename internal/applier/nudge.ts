// Nudge: ends the pause of one who works in rounds, or the next one when he works just then.

export interface Nudge {
  now(): void;
  /** `wake` hears of the next, at once when it has come already. Gives what ends that: whoever does not wait any more is owed the next. */
  next(wake: () => void): () => void;
}

export function createNudge(): Nudge {
  let wakes: (() => void) | undefined;
  let owed = false;
  return {
    now: () => {
      owed = wakes === undefined;
      wakes?.();
      wakes = undefined;
    },
    next: (wake) => {
      if (owed) wake();
      wakes = owed ? undefined : wake;
      owed = false;
      return () => {
        // Who waits since then goes on waiting.
        if (wakes === wake) wakes = undefined;
      };
    },
  };
}
