// On a socket: a program whose standard input is a connection of ours, to ask the kernel what Node cannot.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { argvOf, type Command, environmentOf, shownCommand } from './program.ts';

export interface OnSocketOptions extends Command {
  /** The process is killed afterwards. */
  readonly timeoutMs: number;
}

/** Its exit code and what it wrote; a child without pipes or without a start is a fault of `spawn`. */
async function ended(
  child: ChildProcess,
): Promise<{ readonly why: string; readonly out: string; readonly err: string }> {
  const exit = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code === 0 ? '' : (signal ?? `exit code ${code}`)));
  });
  const { stdout, stderr } = child;
  const [why, out, err] = await Promise.all([exit, stdout && text(stdout), stderr && text(stderr)]);
  return { why, out: out ?? '', err: err ?? '' };
}

/**
 * Runs a program that finds the very socket as its standard input, and gives its output. execa would hand it a pipe of
 * its own and copy: the kernel's answers would be about us. Make the server with `pauseOnConnect`, and resume afterwards.
 * @throws Fault `missing-program`, or `exec` when it fails, does not end, or the connection has ended before
 */
export async function runOnSocket(socket: Socket, options: OnSocketOptions): Promise<string> {
  const [program, ...args] = argvOf(options);
  const fault = (why: string, cause?: unknown): Fault => new Fault('exec', `${shownCommand(options)}: ${why}`, cause);
  let child: ChildProcess;
  try {
    const { timeoutMs: timeout } = options;
    const stdio = [socket, 'pipe', 'pipe'] as const;
    child = spawn(program, args, { env: environmentOf(options), stdio: [...stdio], timeout, killSignal: 'SIGKILL' });
  } catch (cause) {
    throw fault(messageOf(cause), cause);
  }
  const { why, out, err } = await ended(child).catch((cause: unknown) => {
    throw fault(messageOf(cause), cause);
  });
  if (why !== '') throw fault([why, err.trim()].filter((part) => part !== '').join(': '));
  return out;
}
