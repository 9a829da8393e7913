// Detached: a child that outlives us, because traffic flows through it.

import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { argvOf, type Command, environmentOf, shownCommand } from './program.ts';

export interface DetachedOptions extends Command {
  /** Standard output and error are appended here. */
  readonly logFile: string;
}

/**
 * Starts a program in a session of its own (setsid), without a tie to our life: no pipe, no controlling terminal, not
 * waited for (execa always waits, hence node's own spawn). Whether it works is seen by its socket, not here.
 * @returns its pid
 * @throws Fault `exec` when it cannot be started
 */
export async function spawnDetached(options: DetachedOptions): Promise<number> {
  const [program, ...args] = argvOf(options);
  const log = openSync(options.logFile, 'a', 0o640);
  try {
    const child = spawn(program, args, { env: environmentOf(options), detached: true, stdio: ['ignore', log, log] });
    await once(child, 'spawn');
    child.unref();
    return child.pid ?? 0;
  } catch (error) {
    throw new Fault('exec', `${shownCommand(options)}: ${messageOf(error)}`, error);
  } finally {
    closeSync(log);
  }
}
