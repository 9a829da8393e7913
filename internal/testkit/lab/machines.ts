// Machines: a mount namespace for each, so that every one has a /run/wireguard of its own.
//
// A process holds each namespace. A bind mount of the namespace's file would need none, but fails by chance on kernels
// that number namespaces per CPU (EINVAL on 6.18: the loop check compares the numbers) [measured].

import { mkdir, symlink } from 'node:fs/promises';
import { enterMachineArgv, machinesDirectory } from '#internal/client/client.ts';
import { keep, run } from '#internal/exec/exec.ts';
import type { Kept, RunOptions, RunOutput } from '#internal/exec/exec.ts';
import type { Machine } from './topology.ts';

const holder = 'mount -t tmpfs -o mode=700 tmpfs /run/wireguard && echo ready && exec sleep infinity';

function raiseMachine(machine: Machine): Promise<Kept> {
  return new Promise((resolve, reject) => {
    const kept = keep({
      file: 'unshare',
      args: ['--mount', '--', 'sh', '-c', holder],
      onStdout: () => resolve(kept),
      onStderr: (line) => reject(new Error(`machine ${machine.name}: ${line}`)),
      onExit: (reason) => reject(new Error(`machine ${machine.name}: ${reason}`)),
    });
    kept.catch(reject);
  });
}

/** Gives back what holds the namespaces. */
export async function raiseMachines(machines: readonly Machine[]): Promise<readonly Kept[]> {
  await mkdir('/run/wireguard', { recursive: true });
  await mkdir(machinesDirectory, { recursive: true });
  return Promise.all(
    machines.map(async (machine) => {
      const kept = await raiseMachine(machine);
      for (const netns of machine.namespaces)
        await symlink(`/proc/${kept.pid}/ns/mnt`, `${machinesDirectory}/${netns}`);
      return kept;
    }),
  );
}

/** A command that runs in the network namespace, on its machine. */
export function onMachine(
  netns: string,
  argv: readonly string[],
): { readonly file: string; readonly args: readonly string[] } {
  const [file, ...args] = [...enterMachineArgv(netns), ...argv];
  return { file, args };
}

export type ExecOptions = Pick<RunOptions, 'input' | 'timeoutMs' | 'accept' | 'env'>;

/** Runs a program to its end on the machine. @throws Fault `exec` */
export function execOnMachine(netns: string, argv: readonly string[], options: ExecOptions = {}): Promise<RunOutput> {
  return run({ ...onMachine(netns, argv), ...options });
}
