// Bell: what a loop waits for: to be called, or its time.

import type { Clock } from '#internal/clock/clock.ts';

export interface Bell {
  ring(): void;
  /** Returns after `ms`, or when it is rung; at once when it was rung since it was last heard. For one listener. */
  heard(ms: number): Promise<void>;
}

// A timer of Node's holds at most 24.8 days, and takes more for nothing.
const longestMs = 3_600_000;

export function openBell(clock: Clock): Bell {
  let rung = new AbortController();
  return {
    ring: () => rung.abort(new Error('rung')),
    async heard(ms) {
      await clock.sleep(Math.min(ms, longestMs), rung.signal).catch(() => undefined);
      rung = new AbortController();
    },
  };
}
