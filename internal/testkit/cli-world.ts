// CLI world: what runCli is given in tests, and what it did there.

import type { Client } from '#internal/client/client.ts';
import type { Io, Screen, Where } from '#internal/cli/cli.ts';
import { runCli } from '#internal/cli/cli.ts';
import { realClock } from '#internal/clock/clock.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What it wanted to become. */
  readonly became: readonly string[] | undefined;
  /** Where the client was asked to look. */
  readonly where: Where | undefined;
}

export interface CliWorld {
  readonly stdin?: string;
  /** What is answered to its questions, in turn. */
  readonly typed?: readonly string[];
  readonly isTTY?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Instead of the client that is given: as a real process opens one. */
  readonly openClient?: Io['openClient'];
  /** What a person answers; absent: nobody is there. */
  readonly answer?: string;
  /** Absent: there is no terminal to draw on. */
  readonly screen?: Screen;
}

/** Runs a command line; words are separated by single spaces. */
export async function cli(client: Client, line: string | readonly string[], world: CliWorld = {}): Promise<Ran> {
  let [stdout, stderr] = ['', ''];
  const typed = [...(world.typed ?? [])];
  const answer = (): string => {
    const line = typed.shift();
    if (line === undefined) throw new Error('it asked for more than was typed');
    return line;
  };
  let became: readonly string[] | undefined;
  let where: Ran['where'];
  const io: Io = {
    version: '0.0.0-test',
    stdout: { isTTY: world.isTTY ?? false, write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: world.env ?? {},
    // Nobody's: the labs of whoever runs the tests are not these tests' labs.
    uid: 4_000_000_000,
    cwd: world.cwd ?? '/',
    clock: realClock,
    stdin: async () => world.stdin ?? '',
    ask: async () => answer(),
    askSecret: async () => answer(),
    openClient: async (asked) => {
      where = asked;
      if (world.openClient !== undefined) return world.openClient(asked);
      return { ...client, close: () => {} };
    },
    askWhoIsThere: async (question) => {
      stderr += question;
      return world.answer;
    },
    openScreen: async () => world.screen,
    become: (argv) => {
      became = argv;
    },
  };
  const code = await runCli(typeof line === 'string' ? line.split(' ') : line, io);
  return { code, stdout, stderr, became, where };
}
