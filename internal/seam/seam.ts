// Seam: the local socket between the half of a node that faces the network and the half that may touch the kernel.
//
// On the path: the network half sends wants, the privileged half answers what it reached. One JSON value a line.
// Never: carries secrets (keys are named by their files, or sealed), or any verb beyond message.ts.

import { rmSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { Fault } from '#internal/errors/errors.ts';
import type { FromDataplane, FromNetwork } from './message.ts';

export { createDenialsAsker, type DenialsAsker } from './denials-asker.ts';
export type {
  Applied,
  AskDenials,
  Denials,
  Denied,
  FromDataplane,
  FromNetwork,
  Handshakes,
  Health,
  Hello,
  Remove,
  Want,
} from './message.ts';
export { putsOf } from './message.ts';

/** The largest want there is: 65,536 peers with their elements, about 400 bytes each, twice. */
const longestLine = 128 * 1024 * 1024;

/** Calls back with each line's value; a line that is no JSON ends the connection. */
function readLines<T>(socket: Socket, each: (message: T) => void): void {
  let parts: Buffer[] = [];
  let held = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end));
      const line = Buffer.concat(parts).toString('utf8');
      parts = [];
      held = 0;
      rest = rest.subarray(end + 1);
      try {
        each(JSON.parse(line) as T);
      } catch (cause) {
        socket.destroy(cause instanceof Error ? cause : new Error(String(cause)));
        return;
      }
    }
    parts.push(rest);
    held += rest.length;
    if (held > longestLine) socket.destroy(new Error('line too long'));
  });
}

const write = (socket: Socket, message: FromDataplane | FromNetwork): void => {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
};

/** Whether somebody listens there: a socket's file alone may be left from one that was killed. */
const answers = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });

export interface SeamServer {
  /** To the network half that is connected now, if any. */
  send(message: FromDataplane): void;
  close(): Promise<void>;
}

/** The privileged half's end. One network half at a time: a newer connection replaces the older. */
export async function serveSeam(
  path: string,
  on: {
    connected(send: (message: FromDataplane) => void): void;
    /** `answer` reaches whoever sent the message, or nobody: a newer network half counts its wants anew. */
    message(message: FromNetwork, answer: (message: FromDataplane) => void): void;
  },
): Promise<SeamServer> {
  let current: Socket | undefined;
  const server: Server = createServer((socket) => {
    current?.destroy();
    current = socket;
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      if (current === socket) current = undefined;
    });
    const answer = (message: FromDataplane): void => write(socket, message);
    readLines<FromNetwork>(socket, (message) => {
      if (current === socket) on.message(message, answer);
    });
    on.connected(answer);
  });
  if (await answers(path)) throw new Fault('listen', `another privileged half serves ${path}; one is all a node has`);
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    send: (message) => {
      if (current !== undefined) write(current, message);
    },
    close: async () => {
      current?.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export interface SeamClient {
  send(message: FromNetwork): void;
  close(): void;
}

/** Milliseconds between tries while the privileged half is away: it restarts in well under a second. */
const retryMs = 200;

/** The network half's end: connects, and connects again whenever the connection ends. */
export function connectSeam(path: string, on: { message(message: FromDataplane): void; lost(): void }): SeamClient {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const dial = (): void => {
    const dialled = connect(path);
    socket = dialled;
    let up = false;
    dialled.on('connect', () => {
      up = true;
    });
    dialled.on('error', () => dialled.destroy());
    readLines<FromDataplane>(dialled, (message) => on.message(message));
    dialled.on('close', () => {
      socket = undefined;
      if (up) on.lost();
      if (!closed) timer = setTimeout(dial, retryMs);
    });
  };
  dial();
  return {
    send: (message) => {
      if (socket !== undefined) write(socket, message);
    },
    close: () => {
      closed = true;
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}
