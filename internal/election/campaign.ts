// Campaign: claims the pools that nobody leads, gives back those that are gone, and hands over what a better-ranked
// daemon should have. It looks at what is and does one step towards what should be, again and again; so an answer that
// got lost needs no memory.

import type { Clock } from '#internal/clock/clock.ts';
import { failureCode } from '#internal/etcd/etcd.ts';
import { openBell } from './bell.ts';
import type { Handover } from './handover.ts';
import { sessionId } from './keys.ts';
import type { Seat } from './seat.ts';
import type { OwnSession } from './session.ts';
import type { Tuning } from './tuning.ts';
import type { View } from './view.ts';

export interface CampaignParts {
  readonly clock: Clock;
  readonly view: View;
  readonly session: OwnSession;
  readonly seat: Seat;
  readonly handover: Handover;
  readonly tuning: Tuning;
}

export interface Campaign {
  want(poolIds: ReadonlySet<string>): void;
  /** It should exist, and is not just being given away. */
  keeps(poolId: string): boolean;
  /** Something changed. */
  wake(): void;
  /** Ends by its signal, without an error; a call under way is waited for, for its deadline at most. */
  run(signal: AbortSignal): Promise<void>;
}

type Act = () => Promise<void>;

// Transactions in flight: a daemon's death leaves a third of all pools at once.
const inFlight = 16;
const firstBackoffMs = 50;
const lastBackoffMs = 500;

export function createCampaign({ clock, view, session, seat, handover, tuning }: CampaignParts): Campaign {
  const bell = openBell(clock);
  let wanted: ReadonlySet<string> = new Set();
  /** Since when, on the monotonic clock, nobody stands behind the pool. */
  const vacantSince = new Map<string, number>();
  const leaving = new Set<string>();
  let backoffMs = firstBackoffMs;
  const keeps = (poolId: string): boolean => wanted.has(poolId) && !leaving.has(poolId);

  /** When this daemon should claim the pool, monotonic. */
  function claimMs(poolId: string, own: string, nowMs: number): number {
    const since = vacantSince.get(poolId) ?? nowMs;
    vacantSince.set(poolId, since);
    const rank = handover.ranked(poolId, own).findIndex(({ id }) => id === own);
    const orphanedMs = view.holder(poolId) === undefined ? 0 : tuning.orphanMs;
    return Math.max(since + orphanedMs + rank * tuning.rankStepMs, handover.leftUntilMs(poolId));
  }

  /** What is to be done now, and when to look again, monotonic. */
  function look(leaseId: bigint, nowMs: number): { readonly due: readonly Act[]; readonly nextMs: number } {
    const own = sessionId(leaseId);
    const due: Act[] = [];
    const mine = [...view.holders()].filter(([, holder]) => holder.leaseId === leaseId);
    const ids = new Set(mine.map(([poolId]) => poolId));
    for (const poolId of leaving) if (!ids.has(poolId)) leaving.delete(poolId);
    const { pool, againMs } = handover.offer([...ids].filter(keeps), own, nowMs);
    if (pool !== undefined) leaving.add(pool);
    for (const [poolId, holder] of mine) if (!keeps(poolId)) due.push(() => seat.clear(poolId, holder));
    let nextMs = againMs;
    for (const poolId of wanted) {
      const holder = view.holder(poolId);
      if (holder !== undefined && (ids.has(poolId) || view.session(sessionId(holder.leaseId)) !== undefined)) {
        vacantSince.delete(poolId);
        continue;
      }
      const atMs = claimMs(poolId, own, nowMs);
      if (atMs > nowMs) nextMs = Math.min(nextMs, atMs);
      else due.push(() => (holder === undefined ? seat.take(poolId, leaseId) : seat.clear(poolId, holder)));
    }
    return { due, nextMs };
  }

  /** @returns whether all was answered */
  async function carryOut(due: readonly Act[]): Promise<boolean> {
    for (let at = 0; at < due.length; at += inFlight) {
      const outcomes = await Promise.allSettled(due.slice(at, at + inFlight).map((act) => act()));
      const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
      for (const { reason } of failed) {
        // Not etcd's doing.
        if (failureCode(reason) === undefined) throw reason;
      }
      if (failed.length > 0) return false;
    }
    return true;
  }

  /** @returns milliseconds to wait for */
  async function step(signal: AbortSignal): Promise<number> {
    const leaseId = session.alive();
    if (leaseId === undefined || !view.listed) return Number.POSITIVE_INFINITY;
    const { due, nextMs } = look(leaseId, clock.monotonicMs());
    if (due.length === 0) return nextMs - clock.monotonicMs();
    if (await carryOut(due)) {
      backoffMs = firstBackoffMs;
      return 0;
    }
    await clock.sleep(backoffMs * (0.5 + Math.random() / 2), signal).catch(() => undefined);
    backoffMs = Math.min(2 * backoffMs, lastBackoffMs);
    return 0;
  }

  return {
    want(poolIds) {
      wanted = poolIds;
      for (const poolId of vacantSince.keys()) if (!wanted.has(poolId)) vacantSince.delete(poolId);
      handover.forget(wanted);
      bell.ring();
    },
    keeps,
    wake: bell.ring,
    async run(signal) {
      signal.addEventListener('abort', bell.ring, { once: true });
      while (!signal.aborted) {
        const waitMs = await step(signal);
        if (waitMs > 0) await bell.heard(waitMs);
      }
    },
  };
}
