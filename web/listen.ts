// Listen: a site on its addresses by HTTPS, with a certificate that is read again when its file changes.

import { readFileSync, rmSync, lstatSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { followFiles, versionOf } from './followed-files.ts';
import type { IsProxy } from './proxies.ts';
import type { Listening } from './settings.ts';
import { prefixOf } from './source.ts';

export interface Listener {
  /** TCP ports in the order of the addresses; 0 of a socket. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

const mostConnections = 4_000;
/** Of one IPv4 address or IPv6 /64: a club behind one address, with six a browser. Proxies speak for many. */
export const mostOfOneSource = 200;
/** A handshake takes two round trips; who has not made it by then holds a place for nothing. */
const handshakeMs = 5_000;
const graceMs = 1_000;

function readPair({ certificateFile, keyFile }: Listening): { readonly cert: Buffer; readonly key: Buffer } {
  try {
    return { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
  } catch (thrown) {
    throw new Fault('config', `the certificate cannot be read: ${messageOf(thrown)}`, thrown);
  }
}

export interface ListenAround {
  readonly clock: Clock;
  readonly log: Log;
  readonly isProxy: IsProxy;
}

/** Closes connections of a source that has too many, before anything is computed for them. */
function capSources(server: Server, isProxy: IsProxy): void {
  const open = new Map<string, number>();
  server.on('connection', (socket: Socket) => {
    if (isProxy(socket.remoteAddress)) return;
    const source = prefixOf(socket.remoteAddress ?? '');
    const count = (open.get(source) ?? 0) + 1;
    if (count > mostOfOneSource) {
      socket.destroy();
      return;
    }
    open.set(source, count);
    socket.once('close', () => {
      const left = (open.get(source) ?? 1) - 1;
      if (left === 0) open.delete(source);
      else open.set(source, left);
    });
  });
}

/** @throws Fault `config`, `listen` */
export async function listen(
  serve: RequestListener,
  where: Listening,
  { clock, log, isProxy }: ListenAround,
): Promise<Listener> {
  const files = [where.certificateFile, where.keyFile];
  const version = versionOf(files);
  const pair = readPair(where);
  const servers: Server[] = [];
  const ports: number[] = [];
  for (const address of where.listen) {
    let server: Server;
    try {
      server = createServer(
        {
          ...pair,
          minVersion: 'TLSv1.2',
          ...{ handshakeTimeout: handshakeMs, headersTimeout: 10_000, requestTimeout: 15_000 },
        },
        serve,
      );
    } catch (thrown) {
      throw new Fault('config', `${where.certificateFile}: ${messageOf(thrown)}`, thrown);
    }
    server.maxConnections = mostConnections;
    capSources(server, isProxy);
    servers.push(server);
    ports.push(await bind(server, address));
  }
  const ended = new AbortController();
  const takeNew = (): void => {
    const next = readPair(where);
    for (const server of servers) server.setSecureContext({ ...next, minVersion: 'TLSv1.2' });
  };
  const following = followFiles(files, takeNew, { clock, log, signal: ended.signal, version });
  return {
    ports,
    async close() {
      ended.abort();
      await following;
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
