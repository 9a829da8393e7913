// Seat: the key that says who leads a pool, taken and given up by transactions.

import type { Etcd } from '#internal/etcd/etcd.ts';
import { encodeCandidate, leaderKey } from './keys.ts';
import { type Holder, holderOf, type View } from './view.ts';

export interface SeatParts {
  readonly etcd: Etcd;
  readonly nodeId: string;
  readonly view: View;
  /** The view may say something else of this pool now. */
  learned(poolId: string): void;
}

/** Both throw a Fault with a FailureCode when etcd did not answer, and leave in the view what it answered. */
export interface Seat {
  /**
   * Takes the seat if nobody has it. To be repeated until etcd says whose it is; that is all that an attempt without an
   * answer needs. A key under our lease is ours, whichever attempt made it, as nobody else writes under our lease; its
   * create revision says which key it is. An attempt that arrives after its lease has gone is refused, and of one that
   * arrives late the watch tells.
   */
  take(poolId: string, leaseId: bigint): Promise<void>;
  /** Deletes the key that was seen, and not the next one of that name. */
  clear(poolId: string, seen: Holder): Promise<void>;
}

export function createSeat({ etcd, nodeId, view, learned }: SeatParts): Seat {
  return {
    async take(poolId, leaseId) {
      const key = leaderKey(poolId);
      const { succeeded, revision, found } = await etcd.txn({
        compares: [{ target: 'create', key, revision: 0n }],
        then: [{ op: 'put', key, value: encodeCandidate(nodeId), leaseId }],
        otherwise: [{ op: 'get', key }],
      });
      const holder = succeeded ? { nodeId, leaseId, createRevision: revision } : found[0] && holderOf(found[0]);
      view.learn(poolId, revision, holder);
      learned(poolId);
    },
    async clear(poolId, seen) {
      const key = leaderKey(poolId);
      const { succeeded, revision, found } = await etcd.txn({
        compares: [{ target: 'create', key, revision: seen.createRevision }],
        then: [{ op: 'delete', key }],
        otherwise: [{ op: 'get', key }],
      });
      view.learn(poolId, revision, succeeded ? undefined : found[0] && holderOf(found[0]));
      learned(poolId);
    },
  };
}
