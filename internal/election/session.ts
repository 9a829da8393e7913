// Session: one lease of this daemon, renewed as long as it runs, and how long it is certainly alive.

import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { type Etcd, failureCode } from '#internal/etcd/etcd.ts';
import { openBell } from './bell.ts';
import { encodeCandidate, sessionId, sessionKey } from './keys.ts';

export type SessionEvent =
  | { readonly event: 'session-stands'; readonly session: string }
  /** Nobody renewed it for so long that etcd may soon end it: this daemon leads nothing until it is renewed. */
  | { readonly event: 'session-silent'; readonly session: string; readonly problem: string }
  /** Its lease or its key seems to be gone: this daemon leads nothing until etcd has said otherwise. */
  | { readonly event: 'session-doubted'; readonly session: string }
  /** The lease is gone; the next one begins. */
  | { readonly event: 'session-lost'; readonly session: string; readonly problem: string }
  /** By its own will. A problem: the lease could not be revoked and ends by itself. */
  | { readonly event: 'session-left'; readonly session: string; readonly problem?: string };

export interface SessionParts {
  readonly etcd: Etcd;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly ttlSeconds: number;
  report(event: SessionEvent): void;
  /** `alive` may answer otherwise now. */
  changed(): void;
}

export interface OwnSession {
  /** By its own will; for good. */
  readonly left: boolean;
  /** The lease, while it is certainly alive and known to the others. Reads the clock: exact at every call. */
  alive(): bigint | undefined;
  /** What the watch has told up to `revision`. A key that is not there is a sign that the lease is gone. */
  seen(revision: bigint, there: (id: string) => boolean): void;
  /** Ends by its signal, at once and without an error. */
  run(signal: AbortSignal): Promise<void>;
  /** Revokes the lease: all of its keys go in one revision, and the others take over. Never throws; afterwards it is over. */
  leave(): Promise<void>;
}

interface Lease {
  readonly id: bigint;
  readonly name: string;
  /** Monotonic: until when it counts as alive. */
  untilMs: number;
  /** At what revision the session's key was there. */
  announcedAt?: bigint;
  announcing: boolean;
}

// Of the lease's time, counted from the sending of the last renewal that succeeded. client-go keeps leading for 10 s of
// 15: what remains is for clocks of unequal speed and for calls that are under way.
const aliveShare = 0.65;
const renewShare = 0.2;
// Three endpoints in turn, two of them dead, still fit between a renewal and the end of the share above.
const attemptShare = 0.1;
// A turn of a busy machine must not look like a dead path.
const leastAttemptMs = 300;
const retryShare = 1 / 30;

export function openSession({ etcd, clock, nodeId, ttlSeconds, report, changed }: SessionParts): OwnSession {
  const ttlMs = 1_000 * ttlSeconds;
  const attemptMs = Math.max(leastAttemptMs, attemptShare * ttlMs);
  const bell = openBell(clock);
  let lease: Lease | undefined;
  let left = false;
  let trying = false;
  let nextMs = Number.NEGATIVE_INFINITY;
  let told: Lease | undefined;
  let problem = 'no answer yet';

  const living = (): Lease | undefined =>
    !left && lease?.announcedAt !== undefined && clock.monotonicMs() < lease.untilMs ? lease : undefined;

  function lose(lost: Lease, why: string): void {
    if (lease !== lost) return;
    lease = undefined;
    report({ event: 'session-lost', session: lost.name, problem: why });
    changed();
  }

  /** The key is named by the lease, so nobody else's can be overwritten, and a put that comes late finds no lease. */
  function announce(to: Lease): void {
    if (to.announcing) return;
    to.announcing = true;
    const put = { op: 'put', key: sessionKey(to.name), value: encodeCandidate(nodeId), leaseId: to.id } as const;
    etcd
      .txn({ compares: [], then: [put] })
      .then(
        ({ revision }) => {
          to.announcedAt = revision;
        },
        (thrown: unknown) => {
          // etcd before 3.4.38, 3.5.23 and 3.6.5 may renew a lease that was revoked.
          if (failureCode(thrown) === 'no-lease') lose(to, messageOf(thrown));
        },
      )
      .finally(() => {
        to.announcing = false;
        bell.ring();
      });
  }

  async function granted(): Promise<Lease> {
    const id = await etcd.grantLease(ttlSeconds);
    return { id, name: sessionId(id), untilMs: Number.NEGATIVE_INFINITY, announcing: false };
  }

  async function renew(): Promise<void> {
    lease ??= await granted();
    const renewed = lease;
    const { seconds, sentMs } = await etcd.keepLeaseAlive(renewed.id, attemptMs);
    if (seconds === 0) return lose(renewed, 'etcd has no such lease');
    // etcd grants no less than 1.5 of its election timeouts: others wait for what was granted, we stop by the smaller.
    renewed.untilMs = sentMs + aliveShare * Math.min(ttlMs, 1_000 * seconds);
    if (renewed.announcedAt === undefined) announce(renewed);
  }

  function attempt(): void {
    trying = true;
    const goOn = (pauseMs: number) => {
      trying = false;
      nextMs = clock.monotonicMs() + pauseMs;
      bell.ring();
    };
    renew().then(
      () => goOn(lease === undefined ? retryShare * ttlMs : renewShare * ttlMs),
      (thrown: unknown) => {
        problem = messageOf(thrown);
        goOn(retryShare * ttlMs);
      },
    );
  }

  /** Says what became of `alive` since it was last said. */
  function tell(): void {
    const now = living();
    if (now === told) return;
    const before = told;
    told = now;
    if (now !== undefined) report({ event: 'session-stands', session: now.name });
    else if (before !== undefined && before === lease && before.announcedAt !== undefined)
      report({ event: 'session-silent', session: before.name, problem });
    changed();
  }

  function doubt(doubted: Lease): void {
    delete doubted.announcedAt;
    report({ event: 'session-doubted', session: doubted.name });
    nextMs = Number.NEGATIVE_INFINITY;
    bell.ring();
    changed();
  }

  return {
    get left() {
      return left;
    },
    alive: () => living()?.id,
    seen(revision, there) {
      if (lease?.announcedAt !== undefined && revision >= lease.announcedAt && !there(lease.name)) doubt(lease);
    },
    async run(signal) {
      signal.addEventListener('abort', bell.ring, { once: true });
      while (!signal.aborted) {
        tell();
        if (!trying && clock.monotonicMs() >= nextMs) attempt();
        const dueMs = Math.min(
          trying ? Number.POSITIVE_INFINITY : nextMs,
          living()?.untilMs ?? Number.POSITIVE_INFINITY,
        );
        await bell.heard(Math.max(0, dueMs - clock.monotonicMs()));
      }
    },
    async leave() {
      left = true;
      const last = lease;
      lease = undefined;
      told = undefined;
      changed();
      if (last === undefined) return;
      await etcd.revokeLease(last.id, attemptMs).then(
        () => report({ event: 'session-left', session: last.name }),
        (thrown: unknown) => report({ event: 'session-left', session: last.name, problem: messageOf(thrown) }),
      );
    },
  };
}
