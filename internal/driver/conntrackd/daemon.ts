// Daemon: the process of one conntrackd, its files, and questions to it.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Clock } from '#internal/clock/clock.ts';
import type { Sync } from '#internal/dataplane/dataplane.ts';
import { Fault } from '#internal/errors/errors.ts';
import { run, spawnDetached } from '#internal/exec/exec.ts';
import { parseConfig, parseCounts } from './parse.ts';
import { configText, filesOf } from './render.ts';

export interface Daemon {
  /** Its process lives. */
  stands(): boolean;
  /** What it runs with; undefined when it does not run, does not answer, or its interface has another number. */
  observed(): Promise<Sync | undefined>;
  /** Ends one that runs, and starts it with this. @throws Fault */
  start(sync: Sync): Promise<void>;
  end(): Promise<void>;
  /** @throws Fault `exec` */
  ask(args: readonly string[]): Promise<string>;
}

export interface DaemonOptions {
  readonly netns: string;
  readonly runDir: string;
  readonly clock: Clock;
}

/** It answers 20 ms after its start; a loaded machine gets more. */
const birthTimeoutMs = 5_000;
const deathTimeoutMs = 5_000;
const pollMs = 20;
/** A commit of 88,000 flows took 1.2 s (measured), and nothing else is answered meanwhile. */
const answerTimeoutMs = 30_000;
/** One that does not answer a look for so long hangs. */
const hungMs = 10_000;

const textOf = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

export function createDaemon({ netns, runDir, clock }: DaemonOptions): Daemon {
  const files = filesOf(runDir);

  /** 0: none. Of a process that has our configuration in its argv: numbers are given again. */
  const pid = (): number => {
    const number = Number(textOf(files.pid));
    if (!Number.isSafeInteger(number) || number <= 1) return 0;
    return textOf(`/proc/${number}/cmdline`).split('\0').includes(files.config) ? number : 0;
  };
  // By its socket, which is a path: from whatever namespace.
  const ask = async (args: readonly string[], timeoutMs = answerTimeoutMs): Promise<string> =>
    (await run({ file: 'conntrackd', args: ['-C', files.config, ...args], timeoutMs })).stdout;
  const answers = (timeoutMs: number): Promise<boolean> =>
    ask(['-s'], timeoutMs).then(
      (text) => parseCounts(text) !== undefined,
      () => false,
    );
  /** 0: there is none. */
  const indexOf = async (link: string): Promise<number> => {
    const { stdout } = await run({ file: 'ip', args: ['-j', 'link', 'show', 'dev', link], netns, accept: [0, 1] });
    const [found] = JSON.parse(stdout === '' ? '[]' : stdout) as readonly { readonly ifindex?: number }[];
    return found?.ifindex ?? 0;
  };

  async function end(): Promise<void> {
    const running = pid();
    // Not by its own order (-k), which one that hangs does not hear.
    if (running !== 0) process.kill(running, 'SIGKILL');
    const deadline = clock.monotonicMs() + deathTimeoutMs;
    while (pid() !== 0) {
      if (clock.monotonicMs() > deadline) throw new Fault('conntrackd', 'conntrackd does not end');
      await clock.sleep(pollMs);
    }
    // A lock that outlives its owner would keep the next one from starting.
    for (const file of [files.lock, files.socket, files.pid, files.config]) rmSync(file, { force: true });
  }

  return {
    stands: () => pid() !== 0,
    ask: (args) => ask(args),
    end,
    observed: async () => {
      if (pid() === 0) return undefined;
      const text = textOf(files.config);
      const written = parseConfig(text);
      if (written === undefined) return undefined;
      const { interfaceIndex, ...sync } = written;
      // What an older version has written is not what runs from now on.
      if (configText(sync, files, interfaceIndex) !== text) return undefined;
      const [index, heard] = await Promise.all([indexOf(sync.link), answers(hungMs)]);
      return heard && index === interfaceIndex ? sync : undefined;
    },
    start: async (sync) => {
      await end();
      const index = await indexOf(sync.link);
      if (index === 0) throw new Fault('conntrackd', `the interface ${sync.link} is not there`);
      writeFileSync(files.config, configText(sync, files, index), { mode: 0o600 });
      const args = ['-C', files.config];
      const started = await spawnDetached({ file: 'conntrackd', args, netns, logFile: files.log });
      writeFileSync(files.pid, `${started}\n`, { mode: 0o600 });
      const deadline = clock.monotonicMs() + birthTimeoutMs;
      while (!(await answers(birthTimeoutMs))) {
        if (clock.monotonicMs() > deadline) throw new Fault('conntrackd', `it did not come to life; see ${files.log}`);
        await clock.sleep(pollMs);
      }
      // What is here already, to a sibling that keeps what it had heard of the one before; its own is asked for at the start.
      await ask(['-B']);
    },
  };
}
