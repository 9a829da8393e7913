// Nudge: ends the pause of one who works in rounds, or the next one when he works just then.

export interface Nudge {
  now(): void;
  /** `wake` hears of the next, in place of who was told before; at once when it has come already. */
  next(wake: () => void): void;
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
    },
  };
}
