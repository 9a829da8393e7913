// Hash process: passwords are hashed by a process that comes after everything else. A hash sweeps 19 MiB for 30 ms: as a thread of
// the daemon it stands in the way of all that wakes on its processor (adr/0034).
//
// On the path: a JSON line with a password comes in, one with what came of it goes out.
// Never: holds more than what it computes; outlives the daemon, whose end closes its input.

import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { argon } from '#internal/password/password.ts';

/** To be hashed; or verified, where a hash is given. */
export interface HashOrder {
  readonly number: number;
  readonly password: string;
  readonly hash?: string;
}
/** What was made, or whether it is right. */
export interface HashDone {
  readonly number: number;
  readonly hash?: string;
  readonly right?: boolean;
}

/** nice(2), the last: a fiftieth of the processor where others want it, and all of it where nobody does. */
const nice = 19;

/** And among sessions, of which it is one, where the kernel divides processors by these (sched(7), autogroup). */
function comeLast(): void {
  for (const step of [() => setPriority(nice), () => writeFileSync('/proc/self/autogroup', String(nice))])
    try {
      step();
    } catch {
      // A kernel without autogroup has no such file; a unit may forbid the call. It hashes all the same.
    }
}

async function carryOut({ number, password, hash }: HashOrder): Promise<HashDone> {
  if (hash === undefined) return { number, hash: await argon.hash(password) };
  return { number, right: await argon.verify(hash, password) };
}

export async function runHashProcess(): Promise<void> {
  comeLast();
  for await (const line of createInterface({ input: process.stdin }))
    void carryOut(JSON.parse(line) as HashOrder).then((done) => process.stdout.write(`${JSON.stringify(done)}\n`));
}
