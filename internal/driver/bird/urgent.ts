// Urgent: the threads of a BIRD that speak BFD get the processor before everything that is not urgent.
//
// On a busy node they waited for it for 0.36 s (measured: 30 runnable on 2 processors), and neighbours took the node for dead.
// They take some 20 us each 100 ms and session. Routes are the main thread's work, which may be long and stays as it is, but for
// the transport namespace: there are a handful, and a BIRD that does not answer for 0.4 s fences the node (takeover.ts).

import { readdir, readFile } from 'node:fs/promises';
import type { Netns } from '#internal/dataplane/dataplane.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Log } from '#internal/log/log.ts';

/** sched(7), SCHED_RR: the lowest there is comes before every thread without one. */
const priority = '1';

export interface Urgent {
  /** Threads that have come since the last time; after each reading of the configuration, which may begin BFD anew. Never rejects. */
  hurry(): Promise<void>;
}

export interface UrgentOptions {
  readonly netns: Netns;
  readonly pidFile: string;
  readonly log: Pick<Log, 'info'>;
}

const isGone = (cause: unknown): boolean => (cause as { readonly code?: unknown }).code === 'ENOENT';

export function createUrgent({ netns, pidFile, log }: UrgentOptions): Urgent {
  let seen: ReadonlySet<string> = new Set();
  let told = false;

  async function hurryNew(): Promise<void> {
    const pid = (await readFile(pidFile, 'utf8')).trim();
    // Pids are given again.
    if ((await readFile(`/proc/${pid}/comm`, 'utf8')).trim() !== 'bird') return;
    // The main thread is named as the process is.
    const threads = (await readdir(`/proc/${pid}/task`)).filter((thread) => thread !== pid || netns === 'transport');
    const fresh = threads.filter((thread) => !seen.has(thread));
    seen = new Set(threads);
    for (const thread of fresh) await run({ file: 'chrt', args: ['--rr', '--pid', priority, thread] });
  }
  return {
    hurry: () =>
      hurryNew().catch((cause: unknown) => {
        if (told || isGone(cause)) return;
        told = true;
        // It works without, on a node that has processors to spare.
        log.info('bfd-not-urgent', { netns, reason: messageOf(cause) });
      }),
  };
}
