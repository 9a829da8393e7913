// Fault clock: the wall clock of one daemon is another than that of the rest. By libfaketime, which the daemon was started
// with; its monotonic clock goes on as it did.

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { arch } from 'node:process';
import type { Cluster } from '#internal/testkit/cluster.ts';
import type { Heal } from './fault-begin.ts';

/** Debian's package libfaketime; the multiarch folder is named for the machine. */
const folders: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };

/** Path of the library; undefined: it is not on this machine. */
export function faketimePath(): string | undefined {
  const path = `/usr/lib/${folders[arch] ?? 'none'}/faketime/libfaketimeMT.so.1`;
  return existsSync(path) ? path : undefined;
}

export const whyNoFaketime = 'libfaketime is not on this machine (on Debian: apt-get install faketime)';

/** Seconds: more than quarantines and leases of the traffic last, and less than what certificates allow. */
export const jumpSeconds = 40;

export const jumpClock = (target: string, seconds: number, cluster: Cluster): Promise<Heal> =>
  setClock(target, { offset: seconds, rate: 1 }, cluster);

/** It goes on from where it is. @param rate seconds of it in a second */
export async function changeRate(target: string, rate: number, cluster: Cluster): Promise<Heal> {
  // The rate counts from the start of the process (libfaketime): what it would be ahead by then is taken off.
  const uptime = await uptimeSeconds(cluster.node(target).daemon.pid());
  return setClock(target, { offset: (1 - rate) * uptime, rate }, cluster);
}

async function setClock(target: string, { offset, rate }: Wrongness, cluster: Cluster): Promise<Heal> {
  const file = cluster.clockFileOf(target);
  if (file === undefined) throw new Error('the daemons were started without libfaketime');
  await writeFile(file, clockText({ offset, rate }));
  return () => setRight(target, cluster);
}

/** The clock is that of the machine again. */
export async function setRight(nodeId: string, cluster: Cluster): Promise<void> {
  const file = cluster.clockFileOf(nodeId);
  if (file !== undefined) await writeFile(file, clockText({ offset: 0, rate: 1 }));
}

interface Wrongness {
  /** Seconds. */
  readonly offset: number;
  readonly rate: number;
}

/** faketime(1). Always with the rate: without one, that which the process read before goes on. */
const clockText = ({ offset, rate }: Wrongness): string => `${offset < 0 ? '' : '+'}${offset.toFixed(2)}s x${rate}\n`;

/** proc(5): ticks since boot at which a process began, and seconds since boot. 0 of one that is not there. */
async function uptimeSeconds(pid: number | undefined): Promise<number> {
  const stat = pid === undefined ? '' : await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (stat === '') return 0;
  // Of the fields after the command's name the 20th; time(7): 100 ticks a second, whatever the kernel's own are.
  const beganTicks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const [bootSeconds = '0'] = (await readFile('/proc/uptime', 'utf8')).split(' ');
  return Math.max(0, Number(bootSeconds) - beganTicks / 100);
}
