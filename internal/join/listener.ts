// Listener: the join port.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault, messageOf, refuse } from '#internal/errors/errors.ts';
import {
  type JoinAnswer,
  JoinAnswerSchema,
  type JoinGrant,
  type JoinRequest,
  JoinRequestSchema,
} from '#internal/gen/pop44/v1/join_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { Refused, refusalDetail } from '#internal/rpc/rpc.ts';
import { frame, readFrame } from './exchange.ts';
import { createLimit } from './limit.ts';

/** Bytes; a request of ours has about 600. */
const longestRequest = 4_096;
/** At a time, of all sources. */
const mostConnections = 32;
/** Milliseconds for the handshake, and for everything: a commit takes 2.5 s at most. */
const handshakeMs = 5_000;
const wholeMs = 10_000;

/** PEM. */
export interface JoinIdentity {
  readonly certificate: string;
  readonly key: string;
  /** Of the CA that a token names, sent along: who joins does not have it yet. */
  readonly authority: string;
}

export interface JoinParts {
  /** `host:port` or `[v6]:port` */
  readonly listen: readonly string[];
  readonly identity: JoinIdentity;
  /** @throws Refused, Fault */
  readonly join: (request: JoinRequest, signal: AbortSignal) => Promise<JoinGrant>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface JoinListener {
  /** In the order of `listen`. */
  readonly ports: readonly number[];
  /** For connections to come. */
  renew(identity: JoinIdentity): void;
  close(): Promise<void>;
}

const contextOf = ({ certificate, key, authority }: JoinIdentity) => ({
  cert: `${certificate.trim()}\n${authority}`,
  key,
});

/** @throws Fault `listen` */
export async function listenForJoins({ listen, identity, join, clock, log }: JoinParts): Promise<JoinListener> {
  const heard = createLimit();
  const open = new Set<TLSSocket>();

  async function serve(socket: TLSSocket): Promise<void> {
    const from = socket.remoteAddress ?? '';
    const ended = new AbortController();
    socket.on('close', () => ended.abort());
    const late = setTimeout(() => socket.destroy(), wholeMs);
    try {
      const bytes = await readFrame(socket, longestRequest);
      const answer = await answered(bytes, ended.signal, from);
      socket.end(frame(toBinary(JoinAnswerSchema, answer)));
    } catch (thrown) {
      // Whoever knocks without a word is none that joins: pinning the CA looks like this too.
      log.info('join-unheard', { from, reason: messageOf(thrown) });
      socket.destroy();
    } finally {
      clearTimeout(late);
    }
  }

  async function answered(bytes: Buffer, signal: AbortSignal, from: string): Promise<JoinAnswer> {
    let node = '';
    try {
      const request = parsed(bytes);
      node = request.nodeId.slice(0, 32);
      const grant = await join(request, signal);
      log.info('joined', { from, node });
      return create(JoinAnswerSchema, { outcome: { case: 'grant', value: grant } });
    } catch (thrown) {
      if (thrown instanceof Refused) {
        log.warn('join-refused', { from, node, reason: thrown.refusal.refused });
        return create(JoinAnswerSchema, { outcome: { case: 'refusal', value: refusalDetail(thrown.refusal) } });
      }
      const known = thrown instanceof Fault && (thrown.code === 'unavailable' || thrown.code === 'pending');
      log.error('join-failed', { from, node, reason: messageOf(thrown) });
      const value = known
        ? { code: thrown.code, message: thrown.message }
        : { code: 'internal', message: 'see its log' };
      return create(JoinAnswerSchema, { outcome: { case: 'fault', value } });
    }
  }

  const servers: Server[] = [];
  const ports: number[] = [];
  for (const address of listen) {
    const server = createServer(
      { ...contextOf(identity), minVersion: 'TLSv1.3', handshakeTimeout: handshakeMs },
      (socket) => {
        open.add(socket);
        socket.on('close', () => open.delete(socket));
        socket.on('error', () => socket.destroy());
        void serve(socket);
      },
    );
    // Before the handshake, which is what costs.
    server.on('connection', (socket: Socket) => {
      if (!heard(socket.remoteAddress ?? '', clock.monotonicMs())) socket.destroy();
    });
    server.on('tlsClientError', () => undefined);
    server.maxConnections = mostConnections;
    servers.push(server);
    ports.push(await bound(server, address));
  }
  return {
    ports,
    renew: (next) => {
      for (const server of servers) server.setSecureContext({ ...contextOf(next), minVersion: 'TLSv1.3' });
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function parsed(bytes: Buffer): JoinRequest {
  try {
    return fromBinary(JoinRequestSchema, bytes);
  } catch {
    throw new Refused(refuse('invalid', { problem: 'the request is malformed', cure: 'pop44d join of this version' }));
  }
}

/** Host without brackets, and port, of an address that config has let through. */
export function hostAndPort(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':');
  return { host: address.slice(0, at).replace(/^\[(.*)\]$/, '$1'), port: Number(address.slice(at + 1)) };
}

function bound(server: Server, address: string): Promise<number> {
  const { host, port } = hostAndPort(address);
  return new Promise((resolve, reject) => {
    server.once('error', (cause: Error) =>
      reject(new Fault('listen', `cannot take joins on ${address}: ${cause.message}`, cause)),
    );
    server.listen(port, host, () => {
      const at = server.address();
      resolve(typeof at === 'object' && at !== null ? at.port : port);
    });
  });
}
