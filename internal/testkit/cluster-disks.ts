// Cluster disks: a small disk for each member of etcd, which can be made full without filling it.

import { run } from '#internal/exec/exec.ts';
import { nodeFiles } from './lab/node-files.ts';
import type { LabNode } from './lab/topology.ts';

/** Wants an own mount namespace. */
export async function mountDisks(nodes: readonly LabNode[], bytes: number): Promise<void> {
  for (const { id } of nodes)
    await run({
      file: 'mount',
      args: ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'etcd-disk', nodeFiles(id).etcdData],
    });
}

/** Those that are there. */
export async function unmountDisks(nodes: readonly LabNode[]): Promise<void> {
  // 32: it is not mounted (mount(8), exit status).
  for (const { id } of nodes)
    await run({ file: 'umount', args: ['--lazy', nodeFiles(id).etcdData], accept: [0, 1, 32] });
}
