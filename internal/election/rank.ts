// Rank: which daemon each pool would have, so that pools spread evenly and daemons agree without a word.
//
// Rendezvous hashing: when a daemon comes or goes, only the pools move that it takes or leaves.

import { hash } from 'node:crypto';

export interface Ranked {
  /** Of the session. */
  readonly id: string;
  readonly nodeId: string;
}

/**
 * Best first, the same everywhere for the same sessions, whatever their order. By node, not by session: a daemon that
 * was started again gets its pools back. Two sessions of one node are told apart by their ids. O(n log n) and n hashes.
 */
export function preference<S extends Ranked>(poolId: string, sessions: Iterable<S>): readonly S[] {
  return Array.from(sessions, (session) => ({ session, weight: hash('sha256', `${session.nodeId}/${poolId}`) }))
    .sort((a, b) => compare(b.weight, a.weight) || compare(a.session.id, b.session.id))
    .map(({ session }) => session);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
