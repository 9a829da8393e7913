// Processors: what runs on which, and how busy each was (proc(5), taskset(1)).

import { readdir, readFile } from 'node:fs/promises';
import { run } from '#internal/exec/exec.ts';
import type { World } from '#internal/testkit/lab/lab.ts';
import { processesOf } from '#internal/testkit/lab/pair.ts';

/** The node has one for itself; clients, the internet and this bench share the other. */
export const nodeProcessor = 0;
export const othersProcessor = 1;

/** What starts a program there. */
export const onProcessor = (processor: number): readonly string[] => ['taskset', '-c', String(processor)];

async function pin(pids: readonly number[], processor: number): Promise<void> {
  // 1: it ended meanwhile, or is the kernel's.
  for (const pid of pids)
    await run({ file: 'taskset', args: ['-a', '-c', '-p', String(processor), String(pid)], accept: [0, 1] });
}

/** The kernel's work for packets that arrive on any device there, wherever they were sent (receive packet steering). */
async function steer(netns: string, processor: number): Promise<void> {
  const mask = (1 << processor).toString(16);
  const script = `for file in /sys/class/net/*/queues/rx-*/rps_cpus; do echo ${mask} > $file; done`;
  // It gives the namespace a /sys of its own.
  await run({ file: 'ip', args: ['netns', 'exec', netns, 'sh', '-c', script] });
}

/**
 * Nodes on their processor, everything else of this lab on the other: processes, and the kernel's share of packets, which
 * would be done where they were sent: the internet's routing by the node, and the node's gate by its clients.
 */
export async function separate(lab: World, nodes: readonly string[]): Promise<void> {
  const spaces = nodes.flatMap((node) => [`${node}t`, `${node}p`]);
  for (const netns of lab.namespaces) await steer(netns, spaces.includes(netns) ? nodeProcessor : othersProcessor);
  const all = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  await pin(all, othersProcessor);
  for (const node of nodes) await pin(await processesOf(lab, node), nodeProcessor);
}

const ticksPerSecond = 100;

/** Seconds so far. */
export interface Used {
  /** Of each processor, with the kernel's interrupts; of all that runs on this machine. */
  readonly busy: readonly number[];
  /** Of processes that are not of this bench, on all of them. */
  readonly foreign: number;
}

/** User and system time, of it and of its children that have ended. */
async function ownTicks(pid: string): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // As process.ts has it; the children's follow.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0);
}

/** A bench sees only processes of its own. */
export async function used(): Promise<Used> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const own = (await Promise.all(pids.map(ownTicks))).reduce((sum, ticks) => sum + ticks, 0);
  const lines = (await readFile('/proc/stat', 'utf8')).split('\n').filter((line) => /^cpu\d/.test(line));
  const processors = lines.map((line) => {
    const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0] = line.split(' ').slice(1).map(Number);
    return { processes: user + nice + system, interrupts: irq + soft };
  });
  return {
    busy: processors.map(({ processes, interrupts }) => (processes + interrupts) / ticksPerSecond),
    foreign: (processors.reduce((sum, { processes }) => sum + processes, 0) - own) / ticksPerSecond,
  };
}
