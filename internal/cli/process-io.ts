// Process io: the world of a real process.

import { createRequire } from 'node:module';
import type { Client } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import type { Io } from './io.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

export function processIo(): Io {
  const { stdout, stderr, env } = process;
  const uid = process.getuid?.() ?? 0;
  return {
    version,
    stdout,
    stderr,
    env,
    uid,
    cwd: process.cwd(),
    clock: realClock,
    stdin: async () => (await import('./terminal.ts')).wholeOf(process.stdin),
    ask: async (prompt) => (await import('./terminal.ts')).ask(process.stdin, stderr, { prompt, hidden: false }),
    askSecret: async (prompt) => (await import('./terminal.ts')).ask(process.stdin, stderr, { prompt, hidden: true }),
    async openClient({ context, node, anonymous }): Promise<Client> {
      const { bearerOf, findContext, openClient } = await import('#internal/client/client.ts');
      const found = findContext({ env, uid, ...(context === undefined ? {} : { file: context }) });
      const bearer = anonymous === true ? undefined : bearerOf(found, env);
      return openClient(found, {
        ...(bearer === undefined ? {} : { bearer }),
        ...(node === undefined ? {} : { node }),
        warned: (text) => stderr.write(`pop44: warning: ${text}\n`),
        steppedOver: (name, fault) => stderr.write(`pop44: ${name} was stepped over: ${fault.message}\n`),
      });
    },
    async askWhoIsThere(question) {
      if (process.stdin.isTTY !== true || stderr.isTTY !== true) return undefined;
      const { createInterface } = await import('node:readline/promises');
      using lines = createInterface({ input: process.stdin, output: stderr });
      return lines.question(question);
    },
    async openScreen() {
      if (process.stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
      return (await import('./screen.ts')).openScreen(process.stdin, stdout);
    },
    become(argv) {
      if (process.execve === undefined) throw new Fault('platform', 'only Linux and its like can do this');
      // execve(2) looks nothing up; env(1) does.
      process.execve('/usr/bin/env', ['env', ...argv], env);
    },
  };
}
