// Fault thaw: lets daemons go on that have stopped themselves.
//
// Patched code (never the product's own) may send itself SIGSTOP between two steps that a fault from outside would
// hardly ever hit. Whoever watches counts that as a fault like any other, and ends it when leases have run out.

import { readFile } from 'node:fs/promises';
import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import type { DoneFault } from './fault.ts';

export interface ThawOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long one stays stopped; asked anew for each. */
  readonly durationMs: () => number;
  readonly onFault?: (fault: DoneFault) => void;
}

const lookMs = 20;

/** Ends by its signal, with everything going again. Do not combine with planned `daemon-freeze`: it could not tell which is whose. */
export async function thawDaemons(cluster: Cluster, options: ThawOptions): Promise<readonly DoneFault[]> {
  const { clock, signal, durationMs, onFault = () => {} } = options;
  const began = clock.monotonicMs();
  const now = (): number => Math.round(clock.monotonicMs() - began);
  const stopped = new Map<string, { readonly at: number; readonly durationMs: number }>();
  const done: DoneFault[] = [];
  do {
    for (const { id, daemon } of cluster.nodes) {
      const since = stopped.get(id);
      if (since === undefined) {
        if (await isStopped(daemon.pid())) stopped.set(id, { at: now(), durationMs: durationMs() });
      } else if (signal.aborted || now() >= since.at + since.durationMs) {
        daemon.resume();
        stopped.delete(id);
        const fault: DoneFault = { kind: 'daemon-freeze', target: id, ...since, healedAt: now() };
        done.push(fault);
        onFault(fault);
      }
    }
    await clock.sleep(lookMs, signal).catch(() => undefined);
  } while (!signal.aborted || stopped.size > 0);
  return done;
}

/** proc(5): the field after the command's name in /proc/<pid>/stat is T. */
async function isStopped(pid: number | undefined): Promise<boolean> {
  if (pid === undefined) return false;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).startsWith('T');
}
