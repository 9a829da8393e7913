// Hash thread: one order after another, each of them dear; begun by threads.ts as a worker.

import { readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';

// OWASP Password Storage: argon2id of 19 MiB, 2 passes, 1 lane, the least that it advises. (argon2id is the package's default;
// its enum is erased with the types.)
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** sched(7): with this, a tenth of the weight of those who provision, for as long as they want the processor. */
const nice = 10;

/** A password, and the hash that it may belong to; without one, its hash is wanted. */
export interface HashOrder {
  readonly password: string;
  readonly against?: string;
}

export type HashAnswer = string | boolean;

function answerTo({ password, against }: HashOrder): HashAnswer {
  if (against === undefined) return hashSync(password, cost);
  try {
    return verifySync(against, password);
  } catch {
    // A hash that cannot be read is nobody's.
    return false;
  }
}

try {
  // Linux takes a thread's id where POSIX has a process's (setpriority(2)); a worker's is told by proc(5) alone.
  setPriority(Number(basename(readlinkSync('/proc/thread-self'))), nice);
} catch {
  // Where this is forbidden passwords are hashed all the same.
}
parentPort?.on('message', (order: HashOrder) => parentPort?.postMessage(answerTo(order)));
