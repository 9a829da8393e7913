#!/usr/bin/env node
// pop44: the command line of an admin.
//
// On the path: argv in, exit code out. Never more than wiring: internal/cli does the rest.

import { processIo, runCli } from '#internal/cli/cli.ts';

// `pop44 tunnel list | head` ends us with success, as it ends every filter.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
process.exitCode = await runCli(process.argv.slice(2), processIo());
