// Process: what /proc says of a process's time and memory (proc(5)).

import { readFile } from 'node:fs/promises';
import { run } from '#internal/exec/exec.ts';
import type { World } from '#internal/testkit/lab/lab.ts';

/** sysconf(_SC_CLK_TCK): 100 on every Linux architecture that Node runs on. */
const ticksPerSecond = 100;

/** User and system time so far. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Fields after the command's name, which may hold anything but ends with the last parenthesis: utime is the 12th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export async function rssBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 'NaN');
}

export interface OfHalves {
  readonly daemon: number;
  readonly dataplane: number;
}

/** Pids of both halves of a node. @throws Error when one does not run */
export function halves(lab: World, node: string): OfHalves {
  const pidOf = (half: string): number => {
    const pid = lab.service(`${node}-${half}`).pid();
    if (pid === undefined) throw new Error(`${node}-${half} does not run`);
    return pid;
  };
  return { daemon: pidOf('daemon'), dataplane: pidOf('dataplane') };
}

/** Gives what tells the seconds of processor time that each half has taken since. */
export async function startSpending(lab: World, node: string): Promise<() => Promise<OfHalves>> {
  const { daemon, dataplane } = halves(lab, node);
  const before = { daemon: await cpuSeconds(daemon), dataplane: await cpuSeconds(dataplane) };
  return async () => ({
    daemon: (await cpuSeconds(daemon)) - before.daemon,
    dataplane: (await cpuSeconds(dataplane)) - before.dataplane,
  });
}

/** Resident memory of everything else in a node's two namespaces that its privileged half started. */
export async function childrenMemory(lab: World, node: string): Promise<number> {
  const own = new Set(['daemon', 'dataplane', 'etcd'].map((name) => lab.service(`${node}-${name}`).pid()));
  let total = 0;
  for (const netns of [`${node}t`, `${node}p`]) {
    const { stdout } = await run({ file: 'ip', args: ['netns', 'pids', netns] });
    for (const pid of stdout
      .split('\n')
      .filter((line) => line !== '')
      .map(Number))
      if (!own.has(pid)) total += await rssBytes(pid);
  }
  return total;
}
