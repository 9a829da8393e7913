#!/usr/bin/env node
// pop44-web: the public pages and the console, of any number of instances.

import { parseArgs } from 'node:util';
import { realClock } from '#internal/clock/clock.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { createLog } from '#internal/log/log.ts';
import { openWeb, readSettings } from '#web/web.ts';

const usage = `usage: pop44-web --config FILE
  --config FILE  where the daemons are, and on which addresses to answer (docs/operating-web.md)
`;

function configFile(): string {
  try {
    const { values } = parseArgs({ options: { config: { type: 'string' }, help: { type: 'boolean', short: 'h' } } });
    if (values.help === true) {
      process.stdout.write(usage);
      process.exit(0);
    }
    if (values.config !== undefined) return values.config;
    process.stderr.write(`pop44-web: --config is missing\n\n${usage}`);
  } catch (thrown) {
    process.stderr.write(`pop44-web: ${messageOf(thrown)}\n\n${usage}`);
  }
  process.exit(2);
}

// grpc-js names the address it dials as TLS server name, an IP here, and Node would say so at each start (DEP0123).
process.noDeprecation = true;
const log = createLog({ half: 'web' });
try {
  const ended = Promise.withResolvers<string>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.resolve(signal));
  const web = await openWeb(readSettings(configFile()), { clock: realClock, log });
  log.info('ready', { public: web.ports.public.join(' '), console: web.ports.console.join(' ') });
  await ended.promise;
  await web.close();
  process.exit(0);
} catch (thrown) {
  process.stderr.write(`pop44-web: ${messageOf(thrown)}\n`);
  process.exit(1);
}
