// Service: a process of the lab that is started again when it dies, as a service manager would do it.

import { messageOf } from '#internal/errors/errors.ts';
import { keep } from '#internal/exec/exec.ts';
import type { Command, Kept } from '#internal/exec/exec.ts';
import type { Clock } from '#internal/clock/clock.ts';

export interface ServiceOptions {
  readonly name: string;
  readonly command: Command;
  readonly logFile: string;
  readonly clock: Clock;
  /** Told when it has died too often and stays down. */
  readonly onGivenUp: (name: string, reason: string) => void;
}

export interface Service {
  readonly name: string;
  readonly logFile: string;
  /** Of the process that runs now; undefined while none does. */
  pid(): number | undefined;
  /** How often it was started again. */
  restarts(): number;
  /** Ends the process and leaves it so. */
  stop(): Promise<void>;
  /** Starts it after a stop. */
  start(): Promise<void>;
}

/** More deaths than this within the window: something is wrong that a restart does not mend. */
const mostDeaths = 6;
const windowMs = 30_000;
const firstPauseMs = 100;

export async function startService(options: ServiceOptions): Promise<Service> {
  const { clock } = options;
  let current: Kept | undefined;
  let wanted = true;
  let restarts = 0;
  let deaths: number[] = [];

  async function start(): Promise<void> {
    wanted = true;
    current = await keep({
      ...options.command,
      logFile: options.logFile,
      onExit(reason) {
        current = undefined;
        if (wanted) again(reason).catch((thrown: unknown) => options.onGivenUp(options.name, messageOf(thrown)));
      },
    });
  }

  async function again(reason: string): Promise<void> {
    const now = clock.monotonicMs();
    deaths = [...deaths.filter((at) => now - at < windowMs), now];
    if (deaths.length >= mostDeaths) return options.onGivenUp(options.name, reason);
    await clock.sleep(firstPauseMs * 2 ** (deaths.length - 1));
    if (!wanted) return;
    restarts += 1;
    await start();
  }

  await start();
  return {
    name: options.name,
    logFile: options.logFile,
    pid: () => current?.pid,
    restarts: () => restarts,
    start,
    async stop() {
      wanted = false;
      await current?.stop();
    },
  };
}
