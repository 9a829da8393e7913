// Sampling: what the daemons' processes have of the machine, once a second.

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import type { HistoryRecorder, Sample } from './history.ts';

const everyMs = 1_000;

/** A process that ends meanwhile has nothing. */
async function sampleOf(node: string, pid: number, timersFile: string): Promise<Omit<Sample, 'atNs'> | undefined> {
  try {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    const files = (await readdir(`/proc/${pid}/fd`)).length;
    // proc(5): in kB, which are KiB.
    const rssBytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
    const [teller, timers] = (await readFile(timersFile, 'utf8').catch(() => '')).split(' ');
    return { node, pid, rssBytes, files, ...(Number(teller) === pid && { timers: Number(timers) }) };
  } catch {
    return undefined;
  }
}

/** Until the signal. `tellings`: where the loader in the daemons leaves how many timers run, as `<node>.timers`. */
export async function keepSampling(
  { nodes }: { readonly nodes: readonly { readonly id: string; readonly daemon: { pid(): number | undefined } }[] },
  options: {
    readonly history: HistoryRecorder;
    readonly clock: Clock;
    readonly tellings: string;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { history, clock, tellings, signal } = options;
  while (!signal.aborted) {
    for (const { id, daemon } of nodes) {
      const pid = daemon.pid();
      const sample = pid === undefined ? undefined : await sampleOf(id, pid, join(tellings, `${id}.timers`));
      if (sample !== undefined) history.samples.push({ ...sample, atNs: Math.round(clock.monotonicMs() * 1e6) });
    }
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}
