// Handover: which pool this daemon gives to one that should rather have it, one at a time.

import type { Clock } from '#internal/clock/clock.ts';
import { preference } from './rank.ts';
import type { Tuning } from './tuning.ts';
import type { Session, View } from './view.ts';

export interface Handover {
  /** The live sessions, this daemon's among them, by whom the pool should have. */
  ranked(poolId: string, own: string): readonly Session[];
  /**
   * Offers at most one of these pools, which this daemon leads, to a session before its own.
   * @param own the session's id @param nowMs monotonic @returns the pool, and when to look again
   */
  offer(pools: Iterable<string>, own: string, nowMs: number): { readonly pool?: string; readonly againMs: number };
  /** Until when a pool that was offered is left to the other, monotonic. */
  leftUntilMs(poolId: string): number;
  forget(keep: ReadonlySet<string>): void;
}

interface Offer {
  readonly session: string;
  readonly atMs: number;
}

export interface HandoverParts {
  readonly nodeId: string;
  readonly eligible: (nodeId: string) => boolean;
  readonly clock: Clock;
  readonly tuning: Tuning;
}

export function createHandover(view: View, { nodeId, eligible, clock, tuning }: HandoverParts): Handover {
  const offers = new Map<string, Offer>();
  let nextMs = Number.NEGATIVE_INFINITY;

  function ranked(poolId: string, own: string): readonly Session[] {
    const sessions = [...view.sessions()];
    // Before the watch has told of it.
    if (view.session(own) === undefined) sessions.push({ id: own, nodeId, sinceMs: clock.monotonicMs() });
    return preference(
      poolId,
      sessions.filter((session) => session.id === own || eligible(session.nodeId)),
    );
  }

  /** From when on the pool may be offered to this session, monotonic. */
  function dueMs(poolId: string, { id, sinceMs }: Session): number {
    const last = offers.get(poolId);
    const declinedMs = last?.session === id ? last.atMs + tuning.offerAgainMs : Number.NEGATIVE_INFINITY;
    return Math.max(sinceMs + tuning.settledMs, declinedMs);
  }

  return {
    ranked,
    offer(pools, own, nowMs) {
      if (nowMs < nextMs) return { againMs: nextMs };
      let againMs = Number.POSITIVE_INFINITY;
      for (const pool of pools) {
        for (const session of ranked(pool, own)) {
          if (session.id === own) break;
          const atMs = dueMs(pool, session);
          againMs = Math.min(againMs, atMs);
          if (atMs > nowMs) continue;
          offers.set(pool, { session: session.id, atMs: nowMs });
          nextMs = nowMs + tuning.handoverPaceMs;
          return { pool, againMs: nextMs };
        }
      }
      return { againMs };
    },
    leftUntilMs: (poolId) => (offers.get(poolId)?.atMs ?? Number.NEGATIVE_INFINITY) + tuning.handoverPaceMs,
    forget(keep) {
      for (const poolId of offers.keys()) if (!keep.has(poolId)) offers.delete(poolId);
    },
  };
}
