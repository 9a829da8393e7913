// Fault clock: the wall clock of one daemon is another than that of the rest. By libfaketime, which the daemon was started
// with; its monotonic clock goes on as it did.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
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

export async function jumpClock(target: string, seconds: number, cluster: Cluster): Promise<Heal> {
  const file = cluster.clockFileOf(target);
  if (file === undefined) throw new Error('the daemons were started without libfaketime');
  await writeFile(file, `${seconds > 0 ? '+' : ''}${seconds}s\n`);
  return () => setRight(target, cluster);
}

/** The clock is that of the machine again. */
export async function setRight(nodeId: string, cluster: Cluster): Promise<void> {
  const file = cluster.clockFileOf(nodeId);
  if (file !== undefined) await writeFile(file, '+0\n');
}
