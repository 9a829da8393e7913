// Lease: under what remembered answers live for a day.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Etcd } from '#internal/etcd/etcd.ts';

const hourMs = 3_600_000;
// An answer of the hour's last minute still lives 24 h.
const lifetimeSeconds = 25 * 3_600;

export interface HourlyLease {
  /** The lease of this hour, granted when it is first asked for. @throws Fault `unavailable`: nothing was written */
  id(): Promise<bigint>;
  /** It is gone (an operator revoked it, the store was restored): the next is a new one. */
  forget(id: bigint): void;
}

/** One lease an hour and daemon, never renewed: etcd pays for each lease that it keeps, and for each renewal. */
export function hourlyLease(etcd: Pick<Etcd, 'grantLease'>, clock: Clock): HourlyLease {
  let current: { readonly untilMs: number; readonly granted: Promise<bigint>; id?: bigint } | undefined;
  return {
    async id() {
      if (current === undefined || clock.monotonicMs() >= current.untilMs) {
        current = { untilMs: clock.monotonicMs() + hourMs, granted: etcd.grantLease(lifetimeSeconds) };
      }
      const asked = current;
      try {
        asked.id = await asked.granted;
        return asked.id;
      } catch (thrown) {
        if (current === asked) current = undefined;
        throw new Fault('unavailable', `no lease for the operation: ${messageOf(thrown)}`, thrown);
      }
    },
    forget(id) {
      if (current?.id === id) current = undefined;
    },
  };
}
