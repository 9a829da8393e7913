// Rates: how much tunnels carry now, out of what the last tale of counters moved. O(tunnels that moved), and only those are held.

import type { Moved } from './book.ts';

interface TunnelRate {
  readonly tunnelId: string;
  /** Bytes a second, from the client and to it: the mean of the last 10 s or so. */
  readonly upBytesPerSecond: bigint;
  readonly downBytesPerSecond: bigint;
}

export interface Carried {
  readonly upBytesPerSecond: bigint;
  readonly downBytesPerSecond: bigint;
  /** Those that carry most in both directions together, the busiest first; of equal ones the lower id. */
  readonly busiest: readonly TunnelRate[];
}

export const idle: Carried = { upBytesPerSecond: 0n, downBytesPerSecond: 0n, busiest: [] };

/** As many as a node tells of. */
export const mostBusiest = 50;

/**
 * A tale comes each 10 s while something moves (applier/counters.ts), and what it tells came within that time and the look
 * before it, which is at most 10 s older. Whoever hears of nothing for longer carries nothing.
 */
const longestMs = 20_000;
/** A privileged half that is met again tells at once. */
const shortestMs = 1_000;

type Sum = readonly [tunnelId: string, upBytes: number, downBytes: number];
const byBoth = ([id, ...a]: Sum, [other, ...b]: Sum): number => b[0] + b[1] - (a[0] + a[1]) || (id < other ? -1 : 1);

interface Rates {
  /** A tale of counters has come. @param nowMs of a clock that is never set */
  take(moved: readonly Moved[], nowMs: number): void;
  /** The same value until the next tale. */
  now(nowMs: number): Carried;
}

export function createRates(): Rates {
  let carried = idle;
  let lastMs: number | undefined;
  return {
    take: (moved, nowMs) => {
      const since = lastMs;
      lastMs = nowMs;
      // What the first tale counts was carried since nobody knows when.
      if (since === undefined) return;
      const seconds = Math.min(longestMs, Math.max(shortestMs, nowMs - since)) / 1_000;
      const sums = new Map<string, Sum>();
      let [up, down] = [0, 0];
      // A tunnel has two keys while it changes its own.
      for (const { tunnelId, upBytes, downBytes } of moved) {
        const [, upBefore, downBefore] = sums.get(tunnelId) ?? ['', 0, 0];
        sums.set(tunnelId, [tunnelId, upBefore + upBytes, downBefore + downBytes]);
        up += upBytes;
        down += downBytes;
      }
      const rates = (upBytes: number, downBytes: number) => ({
        upBytesPerSecond: BigInt(Math.round(upBytes / seconds)),
        downBytesPerSecond: BigInt(Math.round(downBytes / seconds)),
      });
      const sorted = [...sums.values()].sort(byBoth).slice(0, mostBusiest);
      const busiest = sorted.map(([tunnelId, ...bytes]) => ({ tunnelId, ...rates(...bytes) }));
      carried = { ...rates(up, down), busiest };
    },
    now: (nowMs) => {
      if (lastMs !== undefined && nowMs - lastMs > longestMs) carried = idle;
      return carried;
    },
  };
}
