// Daemon: what we know and keep of one namespace's BIRD.

import { rmSync } from 'node:fs';
import type { Clock } from '#internal/clock/clock.ts';
import type { Netns } from '#internal/dataplane/dataplane.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run, spawnDetached } from '#internal/exec/exec.ts';
import type { Log } from '#internal/log/log.ts';
import { type Control, openControl } from './control.ts';
import { isLoaded, isTried, isUndone, type Kept, kept, type Loaded, type Tried, type Undone } from './kept.ts';
import type { Reply } from './parse.ts';
import { commands, type Files, filesOf } from './render.ts';

export interface Daemon {
  readonly netns: Netns;
  readonly files: Files;
  /** undefined: BIRD does not run. */
  ask(command: string): Promise<Reply | undefined>;
  /** Lets BIRD itself read a file without running it. @throws Fault `exec` with its complaint */
  check(file: string): Promise<void>;
  /**
   * Starts it with the configuration file and waits until it answers.
   * @param recovers routes of one before it stand in the kernel, and stay until its neighbours have told theirs
   */
  start(recovers: boolean): Promise<void>;
  /** Ends it and starts it again, without a route that goes meanwhile. */
  restart(): Promise<void>;
  end(): Promise<void>;
  readonly loaded: Kept<Loaded>;
  readonly tried: Kept<Tried>;
  readonly undone: Kept<Undone>;
  close(): void;
}

export interface DaemonOptions {
  readonly netns: Netns;
  readonly path: string;
  readonly runDir: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly disturb: (reason: string) => void;
}

/** It answers 10 to 30 ms after its start; a loaded machine gets more. */
const birthTimeoutMs = 5000;
/** 16 ms with 1,000 routes, 73 ms with 10,000 (measured). */
const deathTimeoutMs = 5000;
const pollMs = 5;

const isGone = (error: unknown): boolean => error instanceof Fault && error.code === 'gone';

const isThere = (socket: string): Promise<boolean> =>
  openControl(socket, () => {}).then(
    (control) => {
      control.close();
      return true;
    },
    () => false,
  );

export function createDaemon({ netns, path, runDir, clock, log, disturb }: DaemonOptions): Daemon {
  const files = filesOf(runDir, netns);
  const loaded = kept(files.loaded, isLoaded);
  const tried = kept(files.tried, isTried);
  const undone = kept(files.undone, isUndone);
  let held: Control | undefined;
  let opening: Promise<Control> | undefined;

  const open = async (): Promise<Control> => {
    const fresh = await openControl(files.socket, () => {
      if (held !== fresh) return;
      held = undefined;
      log.warn('bird-ended', { netns });
      disturb(`BIRD of ${netns} has died or no longer answers`);
    });
    held = fresh;
    return fresh;
  };
  const control = (): Promise<Control> => {
    if (held !== undefined) return Promise.resolve(held);
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  };
  const ask = async (command: string): Promise<Reply | undefined> => {
    try {
      return await (await control()).ask(command);
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  };

  async function start(recovers: boolean): Promise<void> {
    // -f: no second fork, so that its end would be seen; setsid is done by our spawning.
    const args = ['-f', ...(recovers ? ['-R'] : []), '-c', files.config, '-s', files.socket, '-P', files.pid];
    await spawnDetached({ file: 'bird', args, netns: path, logFile: files.log });
    const deadline = clock.monotonicMs() + birthTimeoutMs;
    while ((await ask(commands.status)) === undefined) {
      if (clock.monotonicMs() > deadline) throw new Fault('bird', `BIRD did not come to life; see ${files.log}`);
      await clock.sleep(pollMs);
    }
  }

  async function end(command: string): Promise<void> {
    const old = held;
    held = undefined;
    const ending = await (old ?? (await control().catch(() => undefined)))?.ask(command).catch(() => undefined);
    held = undefined;
    // It withdraws its routes before it goes.
    const deadline = clock.monotonicMs() + deathTimeoutMs;
    while (ending !== undefined && (await isThere(files.socket))) {
      if (clock.monotonicMs() > deadline) throw new Fault('bird', `BIRD of ${netns} does not end`);
      await clock.sleep(pollMs);
    }
  }

  return {
    netns,
    files,
    loaded,
    tried,
    undone,
    ask,
    check: async (file) => {
      await run({ file: 'bird', args: ['-p', '-c', file], netns: path });
    },
    start,
    async restart() {
      await end(commands.leave);
      await start(true);
    },
    async end() {
      await end(commands.end);
      rmSync(files.config, { force: true });
      for (const each of [loaded, tried, undone]) each.forget();
    },
    close() {
      const old = held;
      held = undefined;
      old?.close();
    },
  };
}
