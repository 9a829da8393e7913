// Listen: a site on its addresses by HTTPS, with a certificate that is read again when its file changes.

import { readFileSync, rmSync, lstatSync, statSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Listening } from './settings.ts';

export interface Listener {
  /** TCP ports in the order of the addresses; 0 of a socket. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

const lookEveryMs = 10_000;
const mostConnections = 4_000;
const graceMs = 1_000;

function readPair({ certificateFile, keyFile }: Listening): { readonly cert: Buffer; readonly key: Buffer } {
  try {
    return { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
  } catch (thrown) {
    throw new Fault('config', `the certificate cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

const changed = ({ certificateFile, keyFile }: Listening): string =>
  [certificateFile, keyFile].map((file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0).join(' ');

/** @throws Fault `config`, `listen` */
export async function listen(
  serve: RequestListener,
  where: Listening,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<Listener> {
  let version = changed(where);
  const pair = readPair(where);
  const servers: Server[] = [];
  const ports: number[] = [];
  for (const address of where.listen) {
    let server: Server;
    try {
      server = createServer({ ...pair, minVersion: 'TLSv1.2', requestTimeout: 15_000, headersTimeout: 10_000 }, serve);
    } catch (thrown) {
      throw new Fault('config', `${where.certificateFile}: ${messageOf(thrown)}`, thrown);
    }
    server.maxConnections = mostConnections;
    servers.push(server);
    ports.push(await bind(server, address));
  }
  const ended = new AbortController();
  const looking = (async () => {
    for (;;) {
      await clock.sleep(lookEveryMs, ended.signal);
      const now = changed(where);
      if (now === version) continue;
      try {
        const next = readPair(where);
        for (const server of servers) server.setSecureContext({ ...next, minVersion: 'TLSv1.2' });
        version = now;
        log.info('certificate-read', { file: where.certificateFile });
      } catch (thrown) {
        // Half written, perhaps: the old one goes on.
        log.warn('certificate-unusable', { file: where.certificateFile, reason: messageOf(thrown) });
      }
    }
  })().catch(() => undefined);
  return {
    ports,
    async close() {
      ended.abort();
      await looking;
      await Promise.all(servers.map(closed));
    },
  };
}

function bind(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Fault('listen', `cannot listen on ${address}: ${error.message}`, error)),
    );
    const done = (): void => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : 0);
    };
    if (address.startsWith('unix:')) {
      const path = address.slice('unix:'.length);
      // Who was killed leaves one.
      if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
      server.listen({ path }, done);
      return;
    }
    const at = address.lastIndexOf(':');
    server.listen({ host: address.slice(0, at).replace(/^\[|\]$/g, ''), port: Number(address.slice(at + 1)) }, done);
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
