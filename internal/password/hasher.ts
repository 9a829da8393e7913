// Hasher: argon2id on a bounded queue. A hash takes 19 MiB and some 30 ms of a core: a flood of logins must not take the
// machine from those who provision, so that while some wait it rests after each for as long as that took.

import type { Clock } from '#internal/clock/clock.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Argon, argon } from './argon.ts';

/** Milliseconds that a request may stand in the queue, by what hashes have taken of late, rests too. */
const longestWaitMs = 2_000;
const firstGuessMs = 60;
const weightOfLast = 0.2;
/** Who calls for many comes back when so many of the queue are done: it stays almost full, and is asked a few times a second. */
const restHashes = 4;
/** Rest, in parts of the hash before it, while others wait (adr/0034, `npm run bench -- people --only daemons`). */
const restShare = 1;

export interface Hasher {
  /** PHC string. Refuses `busy`. */
  hash(password: string): Promise<string | Refusal>;
  /** Takes as long without a hash, as of an account that is not there: then it is false. Refuses `busy`. */
  verify(hash: string | undefined, password: string): Promise<boolean | Refusal>;
  /** How many wait, and how many were turned away. */
  readonly waiting: number;
  readonly refused: number;
}

/** @param atOnce threads that hash: fewer than there are cores, and than libuv's four @param by default: this process */
export function createHasher(clock: Clock, atOnce: number, by: Argon = argon): Hasher {
  const queue: (() => void)[] = [];
  let running = 0;
  let refused = 0;
  let usualMs = firstGuessMs;
  let nobodys: Promise<string> | undefined;

  async function handOn(tookMs: number): Promise<void> {
    if (queue.length > 0) await clock.sleep(tookMs * restShare);
    const next = queue.shift();
    if (next === undefined) running -= 1;
    else next();
  }

  async function inTurn<T>(work: () => Promise<T>): Promise<T | Refusal> {
    const waitMs = ((queue.length + 1) * usualMs * (1 + restShare)) / atOnce;
    if (running >= atOnce && waitMs > longestWaitMs) {
      refused += 1;
      const seconds = Math.ceil(waitMs / 1_000);
      const problem = 'too many passwords are being checked just now';
      const restMs = (restHashes * usualMs * (1 + restShare)) / atOnce;
      return refuse('busy', { problem, cure: `retry in ${seconds} s`, restMs });
    }
    if (running >= atOnce) await new Promise<void>((turn) => queue.push(turn));
    else running += 1;
    const from = clock.monotonicMs();
    try {
      return await work();
    } finally {
      const tookMs = clock.monotonicMs() - from;
      usualMs += weightOfLast * (tookMs - usualMs);
      // Nobody waits for it but those in the queue.
      void handOn(tookMs);
    }
  }

  const normal = (password: string): string => password.normalize('NFC');
  const ofNobody = (): Promise<string> => (nobodys ??= by.hash('nobody has this password'));

  return {
    hash: (password) => inTurn(() => by.hash(normal(password))),
    async verify(known, password) {
      const against = known ?? (await ofNobody());
      const right = await inTurn(() => by.verify(against, normal(password)));
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
