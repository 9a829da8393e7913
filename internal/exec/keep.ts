// Keep: a child that is spoken to by lines for as long as we live.

import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { argvOf, type Command, environmentOf, shownCommand } from './program.ts';

export interface KeepOptions extends Command {
  /** Standard output and error are appended here instead of being told by line. */
  readonly logFile?: string;
  readonly onStdout?: (line: string) => void;
  readonly onStderr?: (line: string) => void;
  /** Called once when the child ends, also when we stopped it. */
  readonly onExit?: (reason: string) => void;
}

export interface Kept {
  readonly pid: number;
  /** Sends text to its standard input; the caller ends lines by itself. Text to a dead child is dropped: onExit told. */
  write(text: string): void;
  /** Ends it (SIGTERM, after 2 s SIGKILL) and waits until it is gone. */
  stop(): Promise<void>;
}

// A child's pipe; absent when it writes to a log file.
function tellLines(pipe: Readable | null, listener: ((line: string) => void) | undefined): void {
  if (pipe === null) return;
  if (listener === undefined) pipe.resume();
  else createInterface({ input: pipe }).on('line', listener);
}

/** @throws Fault `exec` when the program cannot be started */
export async function keep(options: KeepOptions): Promise<Kept> {
  const [program, ...args] = argvOf(options);
  const output = options.logFile === undefined ? 'pipe' : { file: options.logFile, append: true };
  const child = execa(program, args, {
    reject: false,
    extendEnv: false,
    env: environmentOf(options),
    buffer: false,
    stdin: 'pipe',
    stdout: output,
    stderr: output,
    forceKillAfterDelay: 2000,
  });
  const { pid } = child;
  if (pid === undefined) {
    throw new Fault('exec', `${shownCommand(options)}: ${messageOf((await child).cause ?? 'could not be started')}`);
  }
  // Unread output would block the child once the pipe is full.
  tellLines(child.stdout, options.onStdout);
  tellLines(child.stderr, options.onStderr);
  child.stdin.on('error', () => {});
  const ended = child.then((result) => {
    const why = result.signal === undefined ? `exit code ${result.exitCode}` : `killed by ${result.signal}`;
    options.onExit?.(`${shownCommand(options)}: ${why}`);
  });
  return {
    pid,
    write(text) {
      if (child.stdin.writable) child.stdin.write(text);
    },
    async stop() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
