// Log: one line of JSON an event on standard error, for whoever runs the process.
//
// Events have stable words; fields are ids and numbers.
// Never: a record, a key or text from people.

import { pino } from 'pino';

export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  info(event: string, fields?: Fields): void;
  warn(event: string, fields?: Fields): void;
  error(event: string, fields?: Fields): void;
}

/** @param bindings stand in every line: node id, half. */
export function createLog(bindings: Fields, level: 'info' | 'warn' | 'error' | 'silent' = 'info'): Log {
  const logger = pino(
    { level, base: bindings, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    info: (event, fields = {}) => logger.info(fields, event),
    warn: (event, fields = {}) => logger.warn(fields, event),
    error: (event, fields = {}) => logger.error(fields, event),
  };
}
