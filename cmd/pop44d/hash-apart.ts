// Hash apart: passwords are hashed by another process (hash-process.ts), which is there while there is something to hash, and a
// while longer.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { type Kept, keep } from '#internal/exec/exec.ts';
import { type Argon, argon } from '#internal/password/password.ts';
import type { HashDone, HashOrder } from './hash-process.ts';

export interface ApartParts {
  /** What starts the program without a subcommand: Node and its file. */
  readonly program: readonly string[];
  /** Told once when there can be none: this process hashes then. */
  readonly failed: (reason: string) => void;
  readonly clock: Clock;
}

export interface Apart extends Argon {
  close(): Promise<void>;
}

/** Milliseconds. It weighs 50 MB, and takes 0.2 s to start. */
const keptMs = 300_000;

interface Waiting {
  /** Which process was asked. */
  readonly of: Promise<Kept>;
  readonly done: (done: HashDone) => void;
  readonly failed: (cause: unknown) => void;
}

export function hashApart({ program, failed, clock }: ApartParts): Apart {
  const waiting = new Map<number, Waiting>();
  let child: Promise<Kept> | undefined;
  let count = 0;
  let isTold = false;
  let rest = new AbortController();

  const start = (): Promise<Kept> => {
    const started = keep({
      // A session of its own.
      file: 'setsid',
      args: [...program, 'hash'],
      onStdout: (line) => {
        const done = JSON.parse(line) as HashDone;
        waiting.get(done.number)?.done(done);
      },
      onExit: (reason) => {
        if (child === started) child = undefined;
        for (const { of, failed: gone } of [...waiting.values()])
          if (of === started) gone(new Fault('hash-process', reason));
      },
    });
    return started;
  };

  async function end(): Promise<void> {
    const ended = child;
    child = undefined;
    await (await ended?.catch(() => undefined))?.stop();
  }

  /** It ends when nothing was asked of it for a while. */
  function restLater(): void {
    rest = new AbortController();
    clock.sleep(keptMs, rest.signal).then(end, () => undefined);
  }

  async function ask(order: Omit<HashOrder, 'number'>): Promise<HashDone> {
    rest.abort();
    const number = ++count;
    const of = (child ??= start());
    // Whoever dies from here on is heard of.
    const answer = new Promise<HashDone>((done, gone) => waiting.set(number, { of, done, failed: gone }));
    of.then(
      (kept) => kept.write(`${JSON.stringify({ ...order, number })}\n`),
      (cause: unknown) => {
        if (child === of) child = undefined;
        waiting.get(number)?.failed(cause);
      },
    );
    return answer.finally(() => {
      waiting.delete(number);
      if (waiting.size === 0) restLater();
    });
  }

  /** One that has just ended, or cannot be started, is no reason to turn people away. */
  async function apart<T>(
    order: Omit<HashOrder, 'number'>,
    of: (done: HashDone) => T | undefined,
    here: () => Promise<T>,
  ) {
    for (let left = 2; left > 0; left -= 1)
      try {
        const made = of(await ask(order));
        if (made !== undefined) return made;
      } catch (cause) {
        if (left > 1) continue;
        if (!isTold) failed(messageOf(cause));
        isTold = true;
      }
    return here();
  }

  return {
    hash: (password) =>
      apart(
        { password },
        ({ hash }) => hash,
        () => argon.hash(password),
      ),
    verify: (hash, password) =>
      apart(
        { password, hash },
        ({ right }) => right,
        () => argon.verify(hash, password),
      ),
    async close() {
      rest.abort();
      await end();
    },
  };
}
