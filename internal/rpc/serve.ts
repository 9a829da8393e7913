// Serve: a grpc-js server with our limits, bound to addresses and unix sockets.

import { lstatSync, rmSync } from 'node:fs';
import type { ServerHttp2Stream } from 'node:http2';
import { Server } from '@grpc/grpc-js';
import type { RenewableServer } from './credentials.ts';
import { Fault } from '#internal/errors/errors.ts';

/** Bytes; a page of 1,000 tunnels is about 400 kB. */
export const messageLimit = 4 * 1024 * 1024;

const unix = 'unix:';

export interface Listener {
  /** TCP ports in the order of the addresses; 0 of a unix socket. */
  readonly ports: readonly number[];
  /** Lets calls end for `graceMs`, then cuts them. */
  close(graceMs: number): Promise<void>;
}

const limits = {
  'grpc.max_receive_message_length': messageLimit,
  'grpc.max_send_message_length': messageLimit,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  // One caller cannot hold more calls than this on a connection.
  'grpc.max_concurrent_streams': 1_000,
};

/** What of grpc-js answers a stream before any of our handlers has it (server.js, 1.14). */
interface Answering {
  _verifyContentType: (stream: ServerHttp2Stream, ...more: unknown[]) => boolean;
  _respondWithError: (error: unknown, stream: ServerHttp2Stream, ...more: unknown[]) => void;
}

const isGone = ({ destroyed, closed }: ServerHttp2Stream): boolean => destroyed || closed;

/**
 * A stream can be taken back before it is told of: its answer throws then, and nothing catches it. Whoever sent a request that is none, and
 * took it back at once, ended the daemon.
 */
function sparing(server: Server): Server {
  const answering = server as unknown as Answering;
  const verify = answering._verifyContentType.bind(server);
  const respond = answering._respondWithError.bind(server);
  answering._verifyContentType = (stream, ...more) => !isGone(stream) && verify(stream, ...more);
  answering._respondWithError = (error, stream, ...more) => {
    if (!isGone(stream)) respond(error, stream, ...more);
  };
  return server;
}

export const newServer = (): Server => sparing(new Server(limits));

/** Of a port that strangers reach: a request is small, and a connection that does nothing ends. */
export const newPublicServer = (): Server =>
  sparing(
    new Server({
      ...limits,
      'grpc.max_receive_message_length': 64 * 1024,
      'grpc.max_concurrent_streams': 100,
      'grpc.max_connection_idle_ms': 300_000,
    }),
  );

/**
 * `addresses`: `host:port`, `[v6]:port` or `unix:/path`; all bear the same TLS. A socket file that is there already is
 * replaced: who was killed leaves one, and whoever lives is told by the port, which comes first. Throws Fault `listen`.
 */
export async function listen(
  server: Server,
  addresses: readonly string[],
  { credentials }: RenewableServer,
): Promise<Listener> {
  const ports: number[] = [];
  for (const address of addresses) {
    if (address.startsWith(unix)) removeSocket(address.slice(unix.length));
    const port = await bind(server, address, credentials);
    ports.push(address.startsWith(unix) ? 0 : port);
  }
  return { ports, close: (graceMs) => close(server, graceMs) };
}

function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true) rmSync(path);
}

function bind(server: Server, address: string, credentials: RenewableServer['credentials']): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error === null) resolve(port);
      else reject(new Fault('listen', `cannot listen on ${address}: ${error.message}`, error));
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      server.forceShutdown();
      // grpc-js 1.14 waits for ever for a connection that broke at the moment of tryShutdown (server.js, closeSession: close()
      // of a destroyed session never calls back). Nothing is open any more.
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(cut);
      resolve();
    });
  });
}
