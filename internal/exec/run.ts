// Run: a process from start to end.

import { execa } from 'execa';
import { Fault } from '#internal/errors/errors.ts';
import { argvOf, type Command, cutSecrets, environmentOf, shownCommand } from './program.ts';

export interface RunOptions extends Command {
  /** Given on standard input, which is a socket: a program that opens /dev/stdin by its name fails. For secrets. */
  readonly input?: string;
  /** Default 10,000. The process is killed afterwards. */
  readonly timeoutMs?: number;
  /** Exit codes that are no failure. Default [0]. */
  readonly accept?: readonly number[];
}

export interface RunOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const defaultTimeoutMs = 10_000;
/** Characters; a full BIRD or nft listing of 100,000 entries stays below it. */
const longestOutput = 256 * 1024 * 1024;

interface Ending {
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly timedOut?: boolean;
  readonly originalMessage?: string | undefined;
}

function whyEnded(ending: Ending, timeoutMs: number): string {
  if (ending.timedOut === true) return `timed out after ${timeoutMs} ms`;
  if (ending.signal !== undefined) return `killed by ${ending.signal}`;
  if (ending.exitCode !== undefined) return `exit code ${ending.exitCode}`;
  return ending.originalMessage ?? 'could not be started';
}

/**
 * Runs a program to its end and gives its whole output.
 * @throws Fault `exec` whose text is argv (secrets cut), why it ended, then standard error.
 */
export async function run(options: RunOptions): Promise<RunOutput> {
  const [program, ...args] = argvOf(options);
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const result = await execa(program, args, {
    reject: false,
    extendEnv: false,
    env: environmentOf(options),
    stripFinalNewline: false,
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    maxBuffer: longestOutput,
    ...(options.input === undefined ? { stdin: 'ignore' } : { input: options.input }),
  });
  const exitCode = result.exitCode;
  const stderr = cutSecrets(options, result.stderr ?? '');
  if (exitCode !== undefined && (options.accept ?? [0]).includes(exitCode)) {
    return { exitCode, stdout: result.stdout ?? '', stderr };
  }
  const told = [shownCommand(options), cutSecrets(options, whyEnded(result, timeoutMs)), stderr.trim()];
  throw new Fault('exec', told.filter((part) => part !== '').join(': '));
}
