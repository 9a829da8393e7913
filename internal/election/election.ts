// Election: one leader for each pool among the daemons, by keys in etcd under one lease a daemon.
//
// On the path: submit asks whether this daemon leads a pool, and fences what it commits as its leader; leader asks whom
// to forward to. Leading is for speed alone: whoever leads wrongly for a moment has transactions refused by their fence.
// Never: knows what a pool is, trusts a clock for safety, or uses a lease or an election of the etcd3 package.

import type { Clock } from '#internal/clock/clock.ts';
import type { Etcd, Fence } from '#internal/etcd/etcd.ts';
import { createCampaign } from './campaign.ts';
import { createHandover } from './handover.ts';
import { electionPrefix, leaderKey } from './keys.ts';
import { createSeat } from './seat.ts';
import { openSession, type SessionEvent } from './session.ts';
import { defaultTuning, type Tuning } from './tuning.ts';
import { createView } from './view.ts';

export type { Tuning } from './tuning.ts';

/** All fields are strings. */
export type ElectionEvent =
  | SessionEvent
  | { readonly event: 'elected'; readonly pool: string; readonly revision: string }
  /** By its own will: the pool is gone, another shall have it, or the daemon stops. */
  | { readonly event: 'resigned'; readonly pool: string }
  | { readonly event: 'lost'; readonly pool: string };

export interface ElectionOptions {
  /** Its clock is the same one. */
  readonly etcd: Etcd;
  readonly clock: Clock;
  readonly nodeId: string;
  /** Of the lease: 2 at least. After a daemon's death its pools have no leader for so long and up to 2 s more. */
  readonly ttlSeconds: number;
  readonly tuning?: Partial<Tuning>;
  /** Whether a node is to lead anything; default: each is. Asked anew each time; `stand` has it looked at. */
  eligible?(nodeId: string): boolean;
  /** For the log. */
  report?(event: ElectionEvent): void;
}

export interface PoolFence extends Fence {
  readonly poolId: string;
}

export interface Election {
  /**
   * Takes part until its signal, then gives its pools back at once. Without etcd it waits and leads nothing; it throws
   * only what a listener throws. To be run once.
   */
  run(signal: AbortSignal): Promise<void>;
  /** The pools that there are now. O(pools). */
  stand(poolIds: Iterable<string>): void;
  /** Node id, as the watch tells; of this daemon too when it does not dare to lead just now. */
  leaderOf(poolId: string): string | undefined;
  /**
   * For every transaction that is committed as the pool's leader: it compares the fence. Given out while this daemon's
   * key stands and its lease is alive by a margin, which says nothing of the moment when etcd gets the transaction; that
   * may be after a pause of any length. Harmless: the key is then gone or another, and the transaction is refused.
   */
  held(poolId: string): PoolFence | undefined;
  /** Sorted. O(pools led). */
  leading(): readonly string[];
  /** Told when `leaderOf` or `held` may answer otherwise. Gives what ends it. */
  onChange(listener: (poolId: string) => void): () => void;
}

export function openElection({ etcd, clock, nodeId, ttlSeconds, ...options }: ElectionOptions): Election {
  const report = (event: ElectionEvent) => options.report?.(event);
  const listeners = new Set<(poolId: string) => void>();
  /** What this daemon was last told to lead, and by which key. */
  const led = new Map<string, bigint>();
  const view = createView(clock);
  const session = openSession({ etcd, clock, nodeId, ttlSeconds, report, changed: sessionChanged });
  const tuning = { ...defaultTuning, ...options.tuning };
  const seat = createSeat({ etcd, nodeId, view, learned: changed });
  const handover = createHandover(view, { nodeId, eligible: options.eligible ?? (() => true), clock, tuning });
  const campaign = createCampaign({ clock, view, session, seat, handover, tuning });

  /** The create revision of this daemon's key, while its lease is alive. */
  function own(poolId: string): bigint | undefined {
    const holder = view.holder(poolId);
    return holder !== undefined && holder.leaseId === session.alive() ? holder.createRevision : undefined;
  }

  function changed(poolId: string): void {
    const [before, now] = [led.get(poolId), own(poolId)];
    if (before !== now && before !== undefined) {
      led.delete(poolId);
      const willing = session.left || !campaign.keeps(poolId);
      report({ event: willing ? 'resigned' : 'lost', pool: poolId });
    }
    if (before !== now && now !== undefined) {
      led.set(poolId, now);
      report({ event: 'elected', pool: poolId, revision: now.toString() });
    }
    for (const listener of listeners) listener(poolId);
  }

  function sessionChanged(): void {
    for (const poolId of led.keys()) if (own(poolId) === undefined) changed(poolId);
    for (const [poolId] of view.holders()) if (own(poolId) !== undefined && !led.has(poolId)) changed(poolId);
    campaign.wake();
  }

  async function follow(signal: AbortSignal): Promise<void> {
    for await (const batch of etcd.listThenWatch(electionPrefix, signal)) {
      for (const poolId of view.take(batch)) changed(poolId);
      session.seen(batch.revision, (id) => view.session(id) !== undefined);
      campaign.wake();
    }
  }

  function held(poolId: string): PoolFence | undefined {
    const createRevision = own(poolId);
    if (createRevision === undefined || !campaign.keeps(poolId)) return undefined;
    return { poolId, key: leaderKey(poolId), createRevision };
  }

  return {
    async run(signal) {
      const ending = new AbortController();
      let left: Promise<void> | undefined;
      const end = () => {
        left ??= session.leave();
        ending.abort(new Error('the election is over'));
      };
      if (signal.aborted) end();
      signal.addEventListener('abort', end, { once: true });
      try {
        await Promise.all([follow, session.run, campaign.run].map((part) => part(ending.signal)));
      } finally {
        end();
        await left;
      }
    },
    stand: (poolIds) => campaign.want(new Set(poolIds)),
    leaderOf: (poolId) => view.holder(poolId)?.nodeId,
    held,
    leading: () => [...led.keys()].filter((poolId) => held(poolId) !== undefined).toSorted(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
