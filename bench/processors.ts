// Processors: what runs on which, and how busy each was (proc(5), taskset(1)).

import { readdir, readFile } from 'node:fs/promises';
import { run } from '#internal/exec/exec.ts';

/** The node has one for itself; clients, the internet and this bench share the other. */
export const nodeProcessor = 0;
export const othersProcessor = 1;

/** What starts a program there. */
export const onProcessor = (processor: number): readonly string[] => ['taskset', '-c', String(processor)];

const numbers = (text: string): readonly number[] => text.split('\n').filter((line) => line !== '').map(Number);

async function pin(pids: readonly number[], processor: number): Promise<void> {
  // 1: it ended meanwhile, or is the kernel's.
  for (const pid of pids)
    await run({ file: 'taskset', args: ['-a', '-c', '-p', String(processor), String(pid)], accept: [0, 1] });
}

/** All processes in a node's two namespaces. */
export async function processesOf(node: string): Promise<readonly number[]> {
  const outputs = await Promise.all(
    [`${node}t`, `${node}p`].map((netns) => run({ file: 'ip', args: ['netns', 'pids', netns] })),
  );
  return [...new Set(outputs.flatMap(({ stdout }) => numbers(stdout)))];
}

/** Nodes on their processor, everything else of this lab on the other. */
export async function separate(nodes: readonly string[]): Promise<void> {
  const all = (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
  await pin(all, othersProcessor);
  for (const node of nodes) await pin(await processesOf(node), nodeProcessor);
}

/** Seconds so far. */
interface Used {
  readonly busy: number;
  readonly soft: number;
  /** Wanted, and taken by another guest of the machine. */
  readonly stolen: number;
}

const ticksPerSecond = 100;

/** Of each processor, interrupts included. */
export async function used(): Promise<readonly Used[]> {
  const lines = (await readFile('/proc/stat', 'utf8')).split('\n').filter((line) => /^cpu\d/.test(line));
  return lines.map((line) => {
    const [user = 0, nice = 0, system = 0, , , irq = 0, soft = 0, stolen = 0] = line
      .split(' ')
      .slice(1)
      .map((ticks) => Number(ticks) / ticksPerSecond);
    return { busy: user + nice + system + irq + soft, soft: irq + soft, stolen };
  });
}
