// Listen: a site on its addresses by HTTPS, and what stands before it by HTTP, with a bound on what one source may hold.

import { rmSync, lstatSync } from 'node:fs';
import { createServer, type RequestListener, type Server as PlainServer } from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Pair } from '#internal/acme/acme.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { CertificateSource } from './certificate.ts';
import type { IsProxy } from './proxies.ts';
import { prefixOf } from './source.ts';

export interface Listener {
  /** TCP ports in the order of the addresses; 0 of a socket. */
  readonly ports: readonly number[];
  close(): Promise<void>;
}

type Server = PlainServer | SecureServer;

const minVersion = 'TLSv1.2';
const mostConnections = 4_000;
/** Of one IPv4 address or IPv6 /64: a club behind one address, with six a browser. Proxies speak for many. */
export const mostOfOneSource = 200;
/** A handshake takes two round trips; who has not made it by then holds a place for nothing. */
const handshakeMs = 5_000;
const graceMs = 1_000;

/** `isProxy`: who may have more connections than others. */
export interface ListenAround {
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

const limits = { headersTimeout: 10_000, requestTimeout: 15_000 };

/** A server for each address. @throws Fault `listen` */
async function bound<S extends Server>(
  addresses: readonly string[],
  make: () => S,
  isProxy: IsProxy,
): Promise<{ readonly servers: readonly S[]; readonly ports: readonly number[] }> {
  const servers: S[] = [];
  const ports: number[] = [];
  try {
    for (const address of addresses) {
      const server = make();
      server.maxConnections = mostConnections;
      capSources(server, isProxy);
      servers.push(server);
      ports.push(await bind(server, address));
    }
  } catch (thrown) {
    await Promise.all(servers.filter(({ listening }) => listening).map(closed));
    throw thrown;
  }
  return { servers, ports };
}

export interface SecureListener extends Listener {
  /** From now on each new certificate is taken into use. */
  follow(): void;
}

/**
 * HTTPS. Before there is a certificate, handshakes fail; each new one is shown to connections to come, and breaks none.
 * @throws Fault `config`, `listen`
 */
export async function listen(
  serve: RequestListener,
  addresses: readonly string[],
  certificate: CertificateSource,
  { isProxy }: ListenAround,
): Promise<SecureListener> {
  const shown = ({ certificate: cert, key }: Pair) => ({ cert, key });
  const make = (): SecureServer => {
    const pair = certificate.current();
    try {
      return createSecureServer(
        { ...(pair === undefined ? {} : shown(pair)), minVersion, handshakeTimeout: handshakeMs, ...limits },
        serve,
      );
    } catch (thrown) {
      throw new Fault('config', `${certificate.about}: ${messageOf(thrown)}`, thrown);
    }
  };
  const { servers, ports } = await bound(addresses, make, isProxy);
  const ended = new AbortController();
  const takeNew = (pair: Pair): void => {
    for (const server of servers) server.setSecureContext({ ...shown(pair), minVersion });
  };
  let following: Promise<void> | undefined;
  return {
    ports,
    follow() {
      following ??= certificate.follow(takeNew, ended.signal);
    },
    async close() {
      ended.abort();
      await following;
      await Promise.all(servers.map(closed));
    },
  };
}

/** HTTP. @throws Fault `listen` */
export async function listenPlain(
  serve: RequestListener,
  addresses: readonly string[],
  { isProxy }: ListenAround,
): Promise<Listener> {
  const { servers, ports } = await bound(addresses, () => createServer(limits, serve), isProxy);
  return { ports, close: async () => void (await Promise.all(servers.map(closed))) };
}

/** Address and port of `[::]:443`. */
export function placeOf(address: string): readonly [host: string, port: number] {
  const at = address.lastIndexOf(':');
  return [address.slice(0, at).replace(/^\[|\]$/g, ''), Number(address.slice(at + 1))];
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
    const [host, port] = placeOf(address);
    server.listen({ host, port }, done);
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
