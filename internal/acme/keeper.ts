// Keeper: the certificate of one site, from its first order on: kept in a file, renewed in time, told to who listens.

import { X509Certificate } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { alarmingFrom } from '#internal/identity/identity.ts';
import type { Log } from '#internal/log/log.ts';
import type { AccountKey } from './account-key.ts';
import { adviceOn, certificateId } from './advice.ts';
import { readPair, writePair } from './disk.ts';
import { missingName, obtain, type Pair, problemOfPair } from './order.ts';
import { Problem } from './problem.ts';
import { adviceMs, type Life, renewalTime, retryMs, type Window } from './renewal.ts';
import { type Authority, openSession, type Session } from './session.ts';

export interface KeeperParts {
  /** In the log: which site it is for. */
  readonly site: string;
  readonly names: readonly string[];
  readonly authority: Authority;
  readonly key: AccountKey;
  /** Certificate and key, for its owner alone; its folder is there. */
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  /** From 0 to 1. */
  readonly chance: () => number;
}

export interface Keeper {
  /** Undefined: there is none yet. */
  current(): Pair | undefined;
  /** Hears of each new one. */
  onTaken(listener: (pair: Pair) => void): void;
  /** Tries that have failed since the last one that did not. */
  failures(): number;
  /** Renews until the signal ends it; whoever listens at port 80 does so before. Never rejects. */
  run(signal: AbortSignal): Promise<void>;
}

/** A wall clock that was set is noticed within this; a look costs nothing. */
const lookMs = 10_000;
/** Advice that could not be had is asked for again. */
const withoutAdviceMs = 3600_000;
const dayMs = 24 * 3600_000;

interface Held {
  readonly pair: Pair;
  readonly leaf: X509Certificate;
  readonly life: Life;
  /** It is of the server that is wanted. */
  readonly isOfServer: boolean;
  /** Drawn once, or it would be drawn until it is early. */
  readonly chance: number;
  readonly window: Window | undefined;
}

export function createKeeper(parts: KeeperParts): Keeper {
  const { site, names, authority, key, file, clock, log, chance } = parts;
  const listeners = new Set<(pair: Pair) => void>();
  let held = heldOnDisk();
  let failures = 0;
  /** Of the monotonic clock. */
  let nextTryMs = 0;
  let nextAdviceMs = 0;
  let toldMs = Number.NEGATIVE_INFINITY;

  function holding(pair: Pair, server: string): Held {
    const leaf = new X509Certificate(pair.certificate);
    const life = { notBefore: leaf.validFromDate, notAfter: leaf.validToDate };
    return { pair, leaf, life, isOfServer: server === authority.server, chance: chance(), window: undefined };
  }

  /**
   * One that has ended, is of another server or not for all names is shown until there is another: a name that was added
   * takes nothing from those that were there.
   */
  function heldOnDisk(): Held | undefined {
    try {
      const pair = readPair(file);
      if (pair === undefined) return undefined;
      const problem = problemOfPair(pair);
      if (problem === undefined) return holding(pair, pair.server);
      log.warn('certificate-unusable', { site, file, reason: `it ${problem}` });
    } catch (thrown) {
      log.warn('certificate-unusable', { site, file, reason: messageOf(thrown) });
    }
    return undefined;
  }

  async function inSession<T>(signal: AbortSignal, work: (session: Session) => Promise<T>): Promise<T> {
    using session = await openSession({ authority, key, clock, signal });
    return await work(session);
  }

  /** What the server wants is a favour: without it the certificate is renewed as it would be. */
  async function askAdvice(now: Held, signal: AbortSignal): Promise<void> {
    try {
      const id = await certificateId(now.leaf);
      const advice = id === undefined ? undefined : await inSession(signal, (session) => adviceOn(session, id));
      nextAdviceMs = clock.monotonicMs() + adviceMs(advice?.retryAfterMs);
      if (advice === undefined) return;
      const isSame =
        now.window?.start.getTime() === advice.window.start.getTime() &&
        now.window.end.getTime() === advice.window.end.getTime();
      held = { ...now, window: advice.window, chance: isSame ? now.chance : chance() };
    } catch (thrown) {
      nextAdviceMs = clock.monotonicMs() + withoutAdviceMs;
      if (!signal.aborted) log.warn('renewal-advice-failed', { site, reason: messageOf(thrown) });
    }
  }

  async function renew(signal: AbortSignal): Promise<void> {
    const leftMs = Math.max(0, (held?.life.notAfter.getTime() ?? 0) - clock.wall().getTime());
    try {
      const replaces = held?.isOfServer === true ? await certificateId(held.leaf) : undefined;
      const pair = await inSession(signal, (session) => obtain(session, { names, replaces }, { clock, signal }));
      held = holding(pair, authority.server);
      for (const listener of listeners) listener(pair);
      failures = 0;
      nextAdviceMs = 0;
      toldMs = Number.NEGATIVE_INFINITY;
      await keep(pair);
      log.info('certificate-issued', { site, names: names.join(' '), until: held.life.notAfter.toISOString() });
    } catch (thrown) {
      if (signal.aborted) return;
      failures += 1;
      const askedMs = thrown instanceof Problem ? thrown.retryAfterMs : undefined;
      const waitMs = retryMs(failures, leftMs, chance(), askedMs);
      nextTryMs = clock.monotonicMs() + waitMs;
      const fields = { site, failures, again: `in ${Math.ceil(waitMs / 60_000)} min`, reason: messageOf(thrown) };
      if (leftMs > 0) log.warn('certificate-not-issued', { ...fields, until: held?.life.notAfter.toISOString() });
      else log.error('certificate-not-issued', fields);
    }
  }

  /** A disk that is full is no reason to order again. */
  async function keep(pair: Pair): Promise<void> {
    try {
      await writePair(file, authority.server, pair);
    } catch (thrown) {
      log.error('certificate-not-kept', { site, file, reason: messageOf(thrown) });
    }
  }

  /** Once a day: what a person has to do something about. */
  function alarm(): void {
    const now = clock.wall();
    if (held === undefined || now < alarmingFrom(held.life) || clock.monotonicMs() - toldMs < dayMs) return;
    toldMs = clock.monotonicMs();
    log.error('certificate-ends-soon', { site, until: held.life.notAfter.toISOString(), failures });
  }

  function isDue(): boolean {
    if (held?.isOfServer !== true || missingName(held.leaf, names) !== undefined) return true;
    return clock.wall() >= renewalTime(held.life, held.window, held.chance);
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (held?.isOfServer === true && clock.monotonicMs() >= nextAdviceMs) await askAdvice(held, signal);
    if (isDue() && clock.monotonicMs() >= nextTryMs) await renew(signal);
    alarm();
  }

  return {
    current: () => held?.pair,
    onTaken: (listener) => void listeners.add(listener),
    failures: () => failures,
    async run(signal) {
      while (!signal.aborted) {
        await look(signal);
        await clock.sleep(lookMs, signal).catch(() => undefined);
      }
    },
  };
}
