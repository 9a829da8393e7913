// UAPI: one kept connection to the socket of a wireguard-go process. It serves one request after another (measured
// with 0.0.20220316 and newer); after a refused `set` it may hang up, so an end of file counts as the process's death
// only when the socket takes no new connection.

import { createConnection, type Socket } from 'node:net';
import { rejected } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';
import { errnoOf } from './parse.ts';

export interface Uapi {
  /** One request; answers come in order. @throws Fault `gone` (nobody there), `silent` (no answer in time) */
  ask(request: string): Promise<Buffer>;
  /** As ask; @throws Fault `rejected` too, when the answer is an errno. */
  set(request: string): Promise<void>;
  close(): void;
}

/** @throws Fault `gone` */
function connect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error) => reject(new Fault('gone', `nobody answers at ${path}: ${error.message}`, error)));
  });
}

/** Rejects with `gone` when the other end hangs up before its answer is whole. */
function exchange(socket: Socket, path: string, request: string, timeoutMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let tail = '';
    const finish = (fault: Fault | undefined): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
      if (fault === undefined) resolve(Buffer.concat(chunks));
      else {
        socket.destroy();
        reject(fault);
      }
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      // Only the end of an answer has an empty line.
      tail = (tail + chunk.toString('latin1', Math.max(chunk.length - 2, 0))).slice(-2);
      if (tail === '\n\n') finish(undefined);
    };
    const onClose = (): void => finish(new Fault('gone', `${path} hung up`));
    const timer = setTimeout(() => finish(new Fault('silent', `${path} gave no answer in ${timeoutMs} ms`)), timeoutMs);
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.write(request);
  });
}

/** @param onDeath called once when the process behind the socket is gone */
export async function openUapi(path: string, timeoutMs: number, onDeath: () => void): Promise<Uapi> {
  let closed = false;
  let socket: Socket | undefined;
  let opening: Promise<Socket> | undefined;

  const dead = (): void => {
    if (!closed) onDeath();
    closed = true;
  };
  const open = async (): Promise<Socket> => {
    const fresh = await connect(path);
    fresh.on('error', () => {});
    fresh.on('close', () => {
      if (socket === fresh) socket = undefined;
      if (!closed) current().catch(dead);
    });
    socket = fresh;
    return fresh;
  };
  const current = (): Promise<Socket> => {
    if (socket !== undefined && !socket.destroyed) return Promise.resolve(socket);
    opening ??= open().finally(() => {
      opening = undefined;
    });
    return opening;
  };

  await current();
  let queue: Promise<unknown> = Promise.resolve();
  const ask = (request: string): Promise<Buffer> => {
    const turn = queue.then(async () => exchange(await current(), path, request, timeoutMs));
    // An answer of 10,000 peers is 4 MB: the queue keeps no hold of it.
    queue = turn.then(
      () => undefined,
      () => undefined,
    );
    return turn;
  };
  const isThere = (): Promise<boolean> =>
    current().then(
      () => true,
      () => false,
    );
  return {
    ask,
    async set(request) {
      let answer: Buffer;
      try {
        answer = await ask(request);
      } catch (error) {
        // It reads no further after a line that it refuses; what we still write then breaks the connection.
        if (error instanceof Fault && error.code === 'gone' && (await isThere())) {
          throw rejected('wireguard-go refused it and hung up', error);
        }
        throw error;
      }
      const errno = errnoOf(answer);
      if (errno === 0) return;
      // It may be about to hang up: what comes next deserves a connection of its own.
      socket?.destroy();
      // errno(3), negative: -22 is EINVAL.
      throw rejected(`wireguard-go refused it: errno ${errno}`);
    },
    close() {
      closed = true;
      socket?.destroy();
    },
  };
}
