// Guessing: how often a source may ask for what strangers may, and how often an account may be tried. In memory, and each
// daemon counts for itself: with N daemons a guesser has N times as many tries, which is still few.

import { type Refusal, refuse } from '#internal/errors/errors.ts';

/** Tries that a source may make at once, and a second. A club behind one address logs in at the same time. */
const ofSource = { burst: 60, perSecond: 10 };
/** Of what sends mails. */
const ofMails = { burst: 30, perSecond: 0.2 };
/** Wrong passwords in a row before each next one has to wait, for one account from one source: 1 s, 2 s, ... */
const freeTries = 5;
const longestWaitMs = 900_000;
/** NIST SP 800-63B-4 3.2.2: of all sources together; after these an hour passes between tries. */
const mostTries = 100;
const afterMostMs = 3_600_000;
/** Sources and accounts remembered; beyond that the longest silent one is forgotten. */
const most = 20_000;

/** What is forgotten first is what was silent longest: the order of a map is that of insertion. */
class Recent<T> {
  readonly #held = new Map<string, T>();
  get(key: string): T | undefined {
    return this.#held.get(key);
  }
  set(key: string, value: T): void {
    this.#held.delete(key);
    this.#held.set(key, value);
    for (const [oldest] of this.#held) {
      if (this.#held.size <= most) break;
      this.#held.delete(oldest);
    }
  }
  delete(key: string): void {
    this.#held.delete(key);
  }
}

/** What one customer has: an IPv6 /64, an IPv4 address; a socket of the machine is one source. */
function sourceOf(address: string): string {
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address;
}

const later = (problem: string, waitMs: number): Refusal =>
  refuse('busy', { problem, cure: `retry in ${Math.max(1, Math.ceil(waitMs / 1_000))} s` });

interface Failures {
  readonly count: number;
  readonly untilMs: number;
}

export interface Guessing {
  /** Refuses `busy`. `mails`: it sends one. */
  ask(source: string, kind: 'login' | 'mails', nowMs: number): Refusal | undefined;
  /** Whether a password of this name may be tried now; alike of a name that has no account. Refuses `busy`. */
  may(name: string, source: string, nowMs: number): Refusal | undefined;
  failed(name: string, source: string, nowMs: number): void;
  /** The password was right. */
  passed(name: string, source: string): void;
}

export function createGuessing(): Guessing {
  const buckets = new Recent<{ left: number; atMs: number }>();
  const failures = new Recent<Failures>();
  const keys = (name: string, source: string): readonly [one: string, all: string] => [
    `${sourceOf(source)} ${name}`,
    ` ${name}`,
  ];
  return {
    ask(source, kind, nowMs) {
      const { burst, perSecond } = kind === 'login' ? ofSource : ofMails;
      const key = `${kind} ${sourceOf(source)}`;
      const before = buckets.get(key) ?? { left: burst, atMs: nowMs };
      const left = Math.min(burst, before.left + ((nowMs - before.atMs) / 1_000) * perSecond);
      buckets.set(key, { left: left < 1 ? left : left - 1, atMs: nowMs });
      return left < 1 ? later('you have asked too often', ((1 - left) / perSecond) * 1_000) : undefined;
    },
    may(name, source, nowMs) {
      for (const key of keys(name, source)) {
        const waitMs = (failures.get(key)?.untilMs ?? 0) - nowMs;
        if (waitMs > 0) return later('too many wrong passwords', waitMs);
      }
      return undefined;
    },
    failed(name, source, nowMs) {
      const [one, all] = keys(name, source);
      const ofOne = (failures.get(one)?.count ?? 0) + 1;
      const waitMs = ofOne < freeTries ? 0 : Math.min(longestWaitMs, 1_000 * 2 ** (ofOne - freeTries));
      failures.set(one, { count: ofOne, untilMs: nowMs + waitMs });
      const ofAll = (failures.get(all)?.count ?? 0) + 1;
      failures.set(all, { count: ofAll, untilMs: ofAll < mostTries ? 0 : nowMs + afterMostMs });
    },
    passed(name, source) {
      for (const key of keys(name, source)) failures.delete(key);
    },
  };
}
