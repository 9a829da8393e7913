// Limit: one thing in so much time for each source, in memory, for what is dearer than a request: a sign-up without work.

import type { Clock } from '#internal/clock/clock.ts';

export interface Limit {
  /** Seconds until the source may; 0: it may now, and this was it. */
  take(source: string): number;
  /** It came to nothing: the source may again. */
  giveBack(source: string): void;
}

/** Beyond these the oldest are forgotten. */
const most = 50_000;

export function createLimit(everyMs: number, clock: Clock): Limit {
  const last = new Map<string, number>();
  return {
    take(source) {
      const nowMs = clock.monotonicMs();
      const waitMs = (last.get(source) ?? -Infinity) + everyMs - nowMs;
      if (waitMs > 0) return Math.ceil(waitMs / 1_000);
      last.delete(source);
      last.set(source, nowMs);
      for (const [oldest] of last) {
        if (last.size <= most) break;
        last.delete(oldest);
      }
      return 0;
    },
    giveBack: (source) => void last.delete(source),
  };
}
