// View: the sessions and leaders that there are, as followed, and ahead of that what our own transactions told.

import type { Clock } from '#internal/clock/clock.ts';
import type { WatchBatch, WatchEvent } from '#internal/etcd/etcd.ts';
import { decodeCandidate, leaderKey, parseKey, sessionId, sessionKey } from './keys.ts';

/** A pool's key. */
export interface Holder {
  /** Absent: somebody else wrote the value. */
  readonly nodeId: string | undefined;
  /** 0n: under none, so somebody else wrote it. */
  readonly leaseId: bigint;
  readonly createRevision: bigint;
}

/** Of what was read or told of a pool's key; undefined: deleted. */
export function holderOf({ value, createRevision, leaseId = 0n }: WatchEvent): Holder | undefined {
  if (value === undefined || createRevision === undefined) return undefined;
  return { nodeId: decodeCandidate(value), leaseId, createRevision };
}

export interface Session {
  /** Its lease, in hex. */
  readonly id: string;
  readonly nodeId: string;
  /** Monotonic: since when it is seen here. */
  readonly sinceMs: number;
}

export interface View {
  /** Something was listed: what is not here is not there. */
  readonly listed: boolean;
  holder(poolId: string): Holder | undefined;
  /** All pools that have a key. */
  holders(): Iterable<readonly [poolId: string, holder: Holder]>;
  sessions(): Iterable<Session>;
  session(id: string): Session | undefined;
  /** Gives the pools whose key changed. O(events); of a list O(all). */
  take(batch: WatchBatch): ReadonlySet<string>;
  /**
   * At `revision`, so a transaction of our own was answered, this was the pool's key; absent: there was none. What the
   * watch has told up to that revision is not overruled by an answer that came late.
   */
  learn(poolId: string, revision: bigint, holder: Holder | undefined): void;
}

/** Absent `holder`: gone, as a transaction of our own told before the watch did. */
interface Known {
  readonly revision: bigint;
  readonly holder?: Holder;
}

export function createView(clock: Clock): View {
  const leaders = new Map<string, Known>();
  const sessions = new Map<string, Session>();
  let revision = 0n;
  let listed = false;

  function takeLeader(poolId: string, event: WatchEvent): boolean {
    if ((leaders.get(poolId)?.revision ?? 0n) > event.modRevision) return false;
    const holder = holderOf(event);
    if (holder === undefined) return leaders.delete(poolId);
    leaders.set(poolId, { revision: event.modRevision, holder });
    return true;
  }

  function takeSession(id: string, { value, leaseId }: WatchEvent): void {
    const nodeId = value && decodeCandidate(value);
    // A key that no lease of that name holds would stand there for ever, and nobody behind it.
    if (nodeId === undefined || leaseId === undefined || sessionId(leaseId) !== id) sessions.delete(id);
    else if (!sessions.has(id)) sessions.set(id, { id, nodeId, sinceMs: clock.monotonicMs() });
  }

  /** Forgets what a list does not name. */
  function relist(batch: WatchBatch): readonly string[] {
    const named = new Set(batch.events.map(({ key }) => key));
    const gone: string[] = [];
    // The store was set back: nothing that was known of it counts.
    const back = batch.revision < revision;
    for (const [poolId, known] of leaders) {
      if (back || (known.revision <= batch.revision && !named.has(leaderKey(poolId)))) gone.push(poolId);
    }
    for (const poolId of gone) leaders.delete(poolId);
    for (const id of sessions.keys()) if (!named.has(sessionKey(id))) sessions.delete(id);
    listed = true;
    return gone;
  }

  return {
    get listed() {
      return listed;
    },
    holder: (poolId) => leaders.get(poolId)?.holder,
    *holders() {
      for (const [poolId, { holder }] of leaders) if (holder !== undefined) yield [poolId, holder] as const;
    },
    sessions: () => sessions.values(),
    session: (id) => sessions.get(id),
    take(batch) {
      const touched = new Set(batch.relisted ? relist(batch) : []);
      for (const event of batch.events) {
        const parsed = parseKey(event.key);
        if (parsed === undefined) continue;
        if ('session' in parsed) takeSession(parsed.session, event);
        else if (takeLeader(parsed.pool, event)) touched.add(parsed.pool);
      }
      revision = batch.revision;
      return touched;
    },
    learn(poolId, at, holder) {
      if (at <= revision || (leaders.get(poolId)?.revision ?? 0n) >= at) return;
      leaders.set(poolId, { revision: at, ...(holder && { holder }) });
    },
  };
}
