// Hasher: argon2id on a bounded queue. A hash takes 19 MiB and some 30 ms of a core: a flood of logins must not take the
// machine from those who provision.

import type { Clock } from '#internal/clock/clock.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { hashThreads } from './threads.ts';

/** Milliseconds that a request may stand in the queue, by what hashes have taken of late. */
const longestWaitMs = 2_000;
const firstGuessMs = 60;
const weightOfLast = 0.2;

export interface Hasher {
  /** PHC string. Refuses `busy`. */
  hash(password: string): Promise<string | Refusal>;
  /** Takes as long without a hash, as of an account that is not there: then it is false. Refuses `busy`. */
  verify(hash: string | undefined, password: string): Promise<boolean | Refusal>;
  /** How many wait, and how many were turned away. */
  readonly waiting: number;
  readonly refused: number;
}

/** @param atOnce threads that hash: fewer than there are cores */
export function createHasher(clock: Clock, atOnce: number): Hasher {
  const queue: (() => void)[] = [];
  let running = 0;
  let refused = 0;
  let usualMs = firstGuessMs;
  let nobodys: Promise<string> | undefined;
  const threads = hashThreads();

  async function inTurn<T>(work: () => Promise<T>): Promise<T | Refusal> {
    const waitMs = ((queue.length + 1) * usualMs) / atOnce;
    if (running >= atOnce && waitMs > longestWaitMs) {
      refused += 1;
      const seconds = Math.ceil(waitMs / 1_000);
      const problem = 'too many passwords are being checked just now';
      return refuse('busy', { problem, cure: `retry in ${seconds} s` });
    }
    if (running >= atOnce) await new Promise<void>((turn) => queue.push(turn));
    else running += 1;
    const from = clock.monotonicMs();
    try {
      return await work();
    } finally {
      usualMs += weightOfLast * (clock.monotonicMs() - from - usualMs);
      const next = queue.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  const normal = (password: string): string => password.normalize('NFC');
  const ofNobody = (): Promise<string> => (nobodys ??= threads.hash('nobody has this password'));

  return {
    hash: (password) => inTurn(() => threads.hash(normal(password))),
    async verify(known, password) {
      const against = known ?? (await ofNobody());
      const right = await inTurn(() => threads.verify(against, normal(password)));
      return right === true && known === undefined ? false : right;
    },
    get waiting() {
      return queue.length;
    },
    get refused() {
      return refused;
    },
  };
}
