// Guessing: how often a source may ask for what strangers may, how often an account may be tried, and how many mails go to
// one address. In memory, and each daemon counts for itself: with N daemons a guesser has N times as many tries, which is still few.

import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { familyOf, hostPrefix, parseAddress, supernet } from '#internal/netip/netip.ts';
import { Recent } from './recent.ts';

interface Allowance {
  /** At once. */
  readonly burst: number;
  readonly perSecond: number;
}

/** Tries that a source may make. A club behind one address logs in at the same time. */
const ofSource: Allowance = { burst: 60, perSecond: 10 };
/** Of what sends mails. */
const ofMails: Allowance = { burst: 30, perSecond: 0.2 };
/** Mails to one address, whoever asks for them: it is somebody's who may not have asked. Afterwards one in 10 min. */
const ofRecipient: Allowance = { burst: 3, perSecond: 1 / 600 };
/** Of one principal: each has a node of every place send three packets to him. */
const ofNear: Allowance = { burst: 10, perSecond: 0.2 };
/** Of one principal: each has another place send some ten packets to his tunnel. */
const ofProbes: Allowance = { burst: 6, perSecond: 0.1 };
const allowances = { login: ofSource, mails: ofMails, near: ofNear, probe: ofProbes };
/** Wrong passwords in a row before each next one has to wait, for one name from one source: 1 s, 2 s, ... */
const freeTries = 5;
const longestWaitMs = 900_000;
/** NIST SP 800-63B-4 3.2.2: of all sources together; after these an hour passes between tries. */
const mostTries = 100;
const afterMostMs = 3_600_000;

/** What one customer has: an IPv6 /64, an IPv4 address; what is no address is one source. */
function sourceOf(text: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(text)?.[1];
  const address = parseAddress(mapped ?? text.replace(/%.*$/, ''));
  if (typeof address !== 'string') return '';
  return familyOf(address) === 4 ? address : supernet(hostPrefix(address), 64);
}

const later = (problem: string, waitMs: number): Refusal =>
  refuse('busy', { problem, cure: `retry in ${Math.max(1, Math.ceil(waitMs / 1_000))} s` });

interface Failures {
  readonly count: number;
  readonly untilMs: number;
}

/** Names with accounts are remembered apart: a flood of names that nobody has must not make a guesser's tries forgotten. */
const namesOf = () => ({ one: new Recent<Failures>(), all: new Recent<Failures>() });

/** A password that is tried, of a name in its one spelling. */
export interface Tried {
  readonly name: string;
  readonly source: string;
  /** It has an account. */
  readonly known: boolean;
}

export interface Guessing {
  /** Refuses `busy`. `mails`: it sends one. `near`, `probe`: of a principal's name in place of a source. */
  ask(source: string, kind: keyof typeof allowances, nowMs: number): Refusal | undefined;
  /** Whether a mail may go to that address now; alike of one that has no account. Refuses `busy`. */
  mayMail(address: string, nowMs: number): Refusal | undefined;
  /**
   * Counts a wrong password before it is known to be one: of many that are tried at the same time none passes uncounted.
   * Refuses `busy`, alike of a name that has no account, and counts nothing then.
   */
  tries(tried: Tried, nowMs: number): Refusal | undefined;
  /** It was not tried after all. */
  takeBack(tried: Tried): void;
  /** The password was right. */
  passed(tried: Tried): void;
  /** These names have another password, of which nobody has tried one. */
  lift(names: readonly string[]): void;
}

const waitOfOne = (count: number): number =>
  count < freeTries ? 0 : Math.min(longestWaitMs, 1_000 * 2 ** (count - freeTries));
const waitOfAll = (count: number): number => (count < mostTries ? 0 : afterMostMs);

export function createGuessing(): Guessing {
  const buckets = {
    login: new Recent<{ readonly left: number; readonly atMs: number }>(),
    mails: new Recent<{ readonly left: number; readonly atMs: number }>(),
    recipient: new Recent<{ readonly left: number; readonly atMs: number }>(),
    near: new Recent<{ readonly left: number; readonly atMs: number }>(),
    probe: new Recent<{ readonly left: number; readonly atMs: number }>(),
  };
  const names = { known: namesOf(), strange: namesOf() };
  const keyOf = ({ name, source }: Tried): string => `${name} ${sourceOf(source)}`;
  const tables = ({ known }: Tried) => (known ? names.known : names.strange);

  function take(kind: keyof typeof buckets, key: string, { burst, perSecond }: Allowance, nowMs: number): number {
    const before = buckets[kind].get(key) ?? { left: burst, atMs: nowMs };
    const left = Math.min(burst, before.left + ((nowMs - before.atMs) / 1_000) * perSecond);
    buckets[kind].set(key, { left: left < 1 ? left : left - 1, atMs: nowMs });
    return left < 1 ? ((1 - left) / perSecond) * 1_000 : 0;
  }

  function more(table: Recent<Failures>, key: string, by: 1 | -1, untilMs: (count: number) => number): void {
    const count = (table.get(key)?.count ?? 0) + by;
    if (count <= 0) table.delete(key);
    else table.set(key, { count, untilMs: untilMs(count) });
  }

  return {
    ask(source, kind, nowMs) {
      const key = kind === 'near' || kind === 'probe' ? source : sourceOf(source);
      const waitMs = take(kind, key, allowances[kind], nowMs);
      return waitMs > 0 ? later('you have asked too often', waitMs) : undefined;
    },
    mayMail(address, nowMs) {
      const waitMs = take('recipient', address.toLowerCase(), ofRecipient, nowMs);
      return waitMs > 0 ? later('that address was sent enough mails of late', waitMs) : undefined;
    },
    tries(tried, nowMs) {
      const { one, all } = tables(tried);
      for (const failures of [one.get(keyOf(tried)), all.get(tried.name)]) {
        const waitMs = (failures?.untilMs ?? 0) - nowMs;
        if (waitMs > 0) return later('too many wrong passwords', waitMs);
      }
      more(one, keyOf(tried), 1, (count) => nowMs + waitOfOne(count));
      more(all, tried.name, 1, (count) => nowMs + waitOfAll(count));
      return undefined;
    },
    takeBack(tried) {
      const { one, all } = tables(tried);
      // It had not to wait when it came, so that the next one has not.
      more(one, keyOf(tried), -1, () => 0);
      more(all, tried.name, -1, () => 0);
    },
    passed(tried) {
      const { one, all } = tables(tried);
      one.delete(keyOf(tried));
      all.delete(tried.name);
    },
    lift(those) {
      for (const name of those) {
        names.known.all.delete(name);
        for (const key of names.known.one.keys()) if (key.startsWith(`${name} `)) names.known.one.delete(key);
      }
    },
  };
}
