// Kernel: the kernel's own WireGuard, spoken to by wg(8) and ip(8) inside the interface's namespace. Birth in the
// transport namespace keeps the UDP socket there, as with wireguard-go (measured on Linux 6.1).

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Netns } from '#internal/dataplane/dataplane.ts';
import { linkPrefix } from '#internal/dataplane/ownership.ts';
import { rejected } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Backend } from './backend.ts';
import { parseDump } from './parse.ts';
import { wgDeviceArgs, wgPeersArgs } from './render.ts';

/**
 * Tries, because a module is loaded by asking for it; in a namespace that ends with the question, so that nothing is
 * left of one that was killed and nothing of anybody's is in the way.
 */
export async function kernelHasWireguard(): Promise<boolean> {
  const args = ['--net', '--', 'ip', 'link', 'add', `${linkPrefix}probe`, 'type', 'wireguard'];
  return (await run({ file: 'unshare', args, accept: [0, 1, 2] })).exitCode === 0;
}

/** What `wg` reads keys from, until it has read them: it takes them from files only, and not from a pipe of node's. */
async function withKeyFiles<T>(runDir: string, work: (fileOf: (key: string) => string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(runDir, 'keys-'));
  let count = 0;
  try {
    return await work((key) => {
      if (key === '') return '/dev/null';
      count += 1;
      const file = join(folder, String(count));
      writeFileSync(file, `${key}\n`, { mode: 0o600 });
      return file;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param runDir in memory, and for us alone */
export function kernelBackend(netns: Readonly<Record<Netns, string>>, runDir: string): Backend {
  return {
    async create(name) {
      await run({ file: 'ip', args: ['link', 'add', name, 'type', 'wireguard'], netns: netns.transport });
    },
    async remove(name, place) {
      await run({ file: 'ip', args: ['link', 'del', name], netns: netns[place] });
    },
    async read(name, place) {
      // 1: no such device, or not a WireGuard one.
      const output = await run({ file: 'wg', args: ['show', name, 'dump'], netns: netns[place], accept: [0, 1] });
      return output.exitCode === 0 ? parseDump(output.stdout) : undefined;
    },
    async set(name, place, change) {
      const { privateKey } = change;
      await withKeyFiles(runDir, (fileOf) => {
        const file = privateKey === undefined ? '' : (privateKey.file ?? fileOf(privateKey.base64));
        return run({ file: 'wg', args: wgDeviceArgs(name, change, file), netns: netns[place] });
      });
    },
    async setPeers(name, place, changes) {
      try {
        await withKeyFiles(runDir, (fileOf) =>
          run({ file: 'wg', args: wgPeersArgs(name, changes, fileOf), netns: netns[place] }),
        );
      } catch (error) {
        throw rejected(messageOf(error), error);
      }
    },
    lives: () => true,
    async close() {},
  };
}
