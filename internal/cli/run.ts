// Run: one command line from argv to exit code.

import type { Command } from 'commander';
import { CommanderError } from 'commander';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { exitCodes, type Io, NotApplied, refusalOf, Unfinished, UsageError } from './io.ts';
import { harmless } from './layout.ts';
import { buildProgram } from './program.ts';
import { createSession } from './session.ts';

const defaultWaitSeconds = 30;

/** commander would take the word after a bare `--wait` for its value. */
function withWaitValue(argv: readonly string[]): string[] {
  const end = argv.indexOf('--');
  const last = end < 0 ? argv.length : end;
  return argv.map((word, at) => (word === '--wait' && at < last ? `--wait=${defaultWaitSeconds}` : word));
}

export async function runCli(argv: readonly string[], io: Io): Promise<number> {
  const session = createSession(io);
  const program = buildProgram(session);
  try {
    await program.parseAsync(withWaitValue(argv), { from: 'user' });
    return exitCodes.done;
  } catch (thrown) {
    return failed(thrown, io, program);
  } finally {
    await session.close();
  }
}

function failed(thrown: unknown, io: Io, program: Command): number {
  const say = (text: string): void => void io.stderr.write(`${program.name()}: ${text}\n`);
  if (thrown instanceof CommanderError) {
    // It has printed its own text.
    return thrown.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  }
  if (thrown instanceof UsageError) {
    say(thrown.message);
    return exitCodes.usage;
  }
  if (thrown instanceof NotApplied) {
    say(thrown.message);
    return exitCodes.notApplied;
  }
  if (thrown instanceof Unfinished) {
    say(thrown.message);
    return exitCodes.fault;
  }
  const refusal = refusalOf(thrown);
  if (refusal !== undefined) {
    say(`refused (${refusal.refused}): ${refusal.message}`);
    for (const obstacle of refusal.obstacles ?? []) io.stderr.write(`  ${harmless(obstacle)}\n`);
    return exitCodes.refused;
  }
  say(thrown instanceof Fault ? `${thrown.code}: ${thrown.message}` : messageOf(thrown));
  return exitCodes.fault;
}
