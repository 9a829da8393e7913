// Lease: under what lives what ends by itself: remembered answers, logins, links of mails.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Etcd } from '#internal/etcd/etcd.ts';
import type { Lifetime } from '#internal/model/model.ts';

const hourSeconds = 3_600;

/** What a lease is for: remembered answers, or a record about people that ends by itself. */
export type LeaseKind = 'answer' | 'deleted' | Lifetime;

// Seconds that what is written under a lease lives at least, and for how long one lease is given to what is written: that
// much longer it may live. Who reads looks at the record's own end.
const lives: { readonly [K in LeaseKind]: { readonly atLeast: number; readonly window: number } } = {
  answer: { atLeast: 24 * hourSeconds, window: hourSeconds },
  // The longest quarantine of a pool.
  deleted: { atLeast: 30 * 24 * hourSeconds, window: hourSeconds },
  link: { atLeast: hourSeconds / 2, window: 60 },
  login: { atLeast: 30 * 24 * hourSeconds, window: hourSeconds },
  // A mail server may take its time; who has died meanwhile is found out by the next.
  sending: { atLeast: 60, window: 15 },
};

export interface Leases {
  /** The lease of this hour (or minute), granted when it is first asked for. @throws Fault `unavailable`: nothing was written */
  id(kind: LeaseKind): Promise<bigint>;
  /** It is gone (an operator revoked it, the store was restored): the next is a new one. */
  forget(id: bigint): void;
}

interface Current {
  readonly untilMs: number;
  readonly granted: Promise<bigint>;
  id?: bigint;
}

/** One lease a kind, hour and daemon, never renewed: etcd pays for each lease that it keeps, and for each renewal. */
export function createLeases(etcd: Pick<Etcd, 'grantLease'>, clock: Clock): Leases {
  const current = new Map<LeaseKind, Current>();
  return {
    async id(kind) {
      const { atLeast, window } = lives[kind];
      let asked = current.get(kind);
      if (asked === undefined || clock.monotonicMs() >= asked.untilMs) {
        asked = { untilMs: clock.monotonicMs() + window * 1_000, granted: etcd.grantLease(atLeast + window) };
        current.set(kind, asked);
      }
      try {
        asked.id = await asked.granted;
        return asked.id;
      } catch (thrown) {
        if (current.get(kind) === asked) current.delete(kind);
        throw new Fault('unavailable', `no lease for what is to be written: ${messageOf(thrown)}`, thrown);
      }
    },
    forget(id) {
      for (const [kind, held] of current) if (held.id === id) current.delete(kind);
    },
  };
}
