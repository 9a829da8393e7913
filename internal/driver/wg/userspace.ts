// Userspace: a wireguard-go process for each interface. It outlives us; its socket file is its handle: whoever can
// connect there adopts it, removing the file ends it.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { run, spawnDetached } from '#internal/exec/exec.ts';
import type { Backend, Device } from './backend.ts';
import { putBeforeOthers } from './before-others.ts';
import { errnoOf, parseUapi } from './parse.ts';
import { renderDevice, renderPeers } from './render.ts';
import { openUapi, type Uapi } from './uapi.ts';

export interface UserspaceOptions {
  /** The transport namespace's file. */
  readonly transport: string;
  readonly uapiDir: string;
  readonly runDir: string;
  readonly program: string;
  readonly answerTimeoutMs: number;
  readonly clock: Clock;
  readonly onDeath: (name: string) => void;
  /** Told with the reason when it may not come before what else the node does. */
  readonly onNotFirst: (reason: string) => void;
}

/** It answers 30 to 80 ms after its start (measured); a loaded machine gets more. */
const birthTimeoutMs = 5000;
/** It notices its socket's removal within 0.6 s (measured; inotify). */
const deathTimeoutMs = 2000;
const pollMs = 5;
/**
 * Packets that wait in the TUN device for the process to read them; the kernel's 500 are 25 ms at 20,000 a second, and Go may
 * have another of its threads at work for longer: one processor then carried 310 calls instead of 418 (adr/0048).
 */
const queueLength = 5_000;

const isFault = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Fault && codes.includes(error.code);

/**
 * Of proc(5), fields 3 and 20 of stat: a zombie without further threads has let go of everything, its interface too.
 * (Its cmdline tells nothing: it is empty while it execs, and before its files are closed.)
 */
const isAlive = (pid: number): boolean => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] !== 'Z' || Number(fields[17]) > 1;
  } catch {
    return false;
  }
};

export function userspaceBackend(options: UserspaceOptions): Backend {
  const { clock, uapiDir, runDir, program } = options;
  const open = new Map<string, Uapi>();
  const socketOf = (name: string): string => join(uapiDir, `${name}.sock`);
  const pidFileOf = (name: string): string => join(runDir, `${name}.pid`);

  /** @throws Fault `gone` */
  const uapi = async (name: string): Promise<Uapi> => {
    const known = open.get(name);
    if (known !== undefined) return known;
    const fresh = await openUapi(socketOf(name), options.answerTimeoutMs, () => {
      open.delete(name);
      options.onDeath(name);
    });
    open.set(name, fresh);
    return fresh;
  };

  /** The process that we started under this name, if it still is one: pids are given again. */
  const pidOf = (name: string): number | undefined => {
    try {
      const pid = Number(readFileSync(pidFileOf(name), 'utf8'));
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
      return argv.includes(name) ? pid : undefined;
    } catch {
      return undefined;
    }
  };

  const hasEnded = async (pid: number): Promise<boolean> => {
    const deadline = clock.monotonicMs() + deathTimeoutMs;
    while (isAlive(pid) && clock.monotonicMs() < deadline) await clock.sleep(pollMs);
    return !isAlive(pid);
  };

  /** Ends what stands behind the name, politely first: a stopped process does not see its socket go. */
  const end = async (name: string): Promise<void> => {
    const pid = pidOf(name);
    open.get(name)?.close();
    open.delete(name);
    rmSync(socketOf(name), { force: true });
    if (pid !== undefined && !(await hasEnded(pid))) {
      process.kill(pid, 'SIGKILL');
      await hasEnded(pid);
    }
    rmSync(pidFileOf(name), { force: true });
  };

  /** Its own words: the detached one is silent, because it would log each packet for a peer without endpoint. */
  const whyNot = async (name: string): Promise<string> => {
    const environment = { WG_PROCESS_FOREGROUND: '1', LOG_LEVEL: 'error' };
    const again = { file: program, args: [name], netns: options.transport, env: environment, timeoutMs: 500 };
    // It complains on standard output.
    return run({ ...again, accept: [0, 1] }).then(
      ({ stdout, stderr }) => `${stdout}${stderr}`.trim() || 'it ended at once',
      messageOf,
    );
  };

  const create = async (name: string): Promise<void> => {
    await end(name);
    const pid = await spawnDetached({
      file: program,
      args: [name],
      netns: options.transport,
      env: { WG_PROCESS_FOREGROUND: '1', LOG_LEVEL: 'silent' },
      logFile: join(runDir, `${name}.log`),
    });
    writeFileSync(pidFileOf(name), String(pid));
    const deadline = clock.monotonicMs() + birthTimeoutMs;
    for (;;) {
      try {
        errnoOf(await (await uapi(name)).ask('get=1\n\n'));
        break;
      } catch (error) {
        const unborn = isFault(error, 'gone') && isAlive(pid) && clock.monotonicMs() < deadline;
        if (!unborn) throw new Fault('wireguard-go', `${name} did not come to life: ${await whyNot(name)}`, error);
      }
      await clock.sleep(pollMs);
    }
    await run({
      file: 'ip',
      args: ['link', 'set', name, 'txqueuelen', String(queueLength)],
      netns: options.transport,
    });
    try {
      putBeforeOthers(pid);
    } catch (error) {
      options.onNotFirst(messageOf(error));
    }
  };

  const read = async (name: string): Promise<Device | undefined> => {
    try {
      const answer = await (await uapi(name)).ask('get=1\n\n');
      const errno = errnoOf(answer);
      if (errno !== 0) throw new Fault('wireguard-go', `${name} cannot be read: errno ${errno}`);
      return parseUapi(answer);
    } catch (error) {
      if (isFault(error, 'gone', 'silent')) return undefined;
      throw error;
    }
  };

  return {
    create,
    remove: end,
    read,
    set: async (name, _netns, change) => (await uapi(name)).set(renderDevice(change)),
    setPeers: async (name, _netns, changes) => (await uapi(name)).set(renderPeers(changes)),
    lives: (name) => open.has(name),
    async close() {
      for (const connection of open.values()) connection.close();
      open.clear();
    },
  };
}
