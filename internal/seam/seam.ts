// Seam: the local socket between the half of a node that faces the network and the half that may touch the kernel.
//
// On the path: the network half sends wants, the privileged half answers what it reached. One JSON value a line.
// Never: carries secrets (keys are named by their files, or sealed), or any verb beyond message.ts.

import { rmSync, statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { Fault } from '#internal/errors/errors.ts';
import type { FromDataplane, FromNetwork } from './message.ts';
import { checkMessage } from './valid.ts';

export { createAsker } from './asker.ts';
export { type ContactAsker, createContactAsker } from './contact-asker.ts';
export { createDenialsAsker, type DenialsAsker } from './denials-asker.ts';
export { createEchoAsker, type EchoAsker } from './echo-asker.ts';
export type { AskEcho, Echo } from './echo-message.ts';
export { createFactsAsker, type FactsAnswer, type FactsAsker } from './facts-asker.ts';
export { createFlowsAsker, type FlowsAsker } from './flows-asker.ts';
export type {
  Applied,
  AskContact,
  AskDenials,
  AskFacts,
  AskInterconnectKey,
  AskSessions,
  AskTakeover,
  Denials,
  Denied,
  DutyTold,
  Facts,
  FromDataplane,
  FromNetwork,
  Handshakes,
  Health,
  Hello,
  InterconnectKey,
  Links,
  Remove,
  Sessions,
  TakenOver,
  Want,
  Whereabouts,
} from './message.ts';
export { putsOf } from './puts.ts';
export { onlyOwnerOf, type Peer, peerOf } from './peer.ts';
export { createTakeoverAsker, type TakeoverAsker } from './takeover-asker.ts';
export { checkMessage } from './valid.ts';

/** The largest want there is: 65,536 peers with their elements, about 400 bytes each, twice. */
const longestLine = 128 * 1024 * 1024;

/** Calls back with each line's value; a line that is no JSON ends the connection. */
function readLines<T>(socket: Socket, parse: (value: unknown) => T, each: (message: T) => void): void {
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
        each(parse(JSON.parse(line)));
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

/** Whoever may write there could put a socket of his own in the place of ours. @throws Fault `listen` */
function mustBeOurs(directory: string): void {
  const { uid, mode } = statSync(directory);
  const others = (mode & 0o022) !== 0 && (mode & 0o1000) === 0;
  if (others || (uid !== 0 && uid !== process.getuid?.()))
    throw new Fault('listen', `${directory}: others may write there (its owner must be root, its mode 0755 or less)`);
}

export interface SeamServer {
  /** To the network half that is connected now, if any. */
  send(message: FromDataplane): void;
  close(): Promise<void>;
}

/** Connections that are looked at at once; more are ended. A node has one network half, which comes again. */
const mostAtDoor = 8;

/** The privileged half's end. One network half at a time: a newer connection that is let in replaces the older. */
export async function serveSeam(
  path: string,
  on: {
    /** Whether who connects may speak (peer.ts); nothing is read of him, or told to him, before. */
    admits(socket: Socket): Promise<boolean>;
    connected(send: (message: FromDataplane) => void): void;
    /** `answer` reaches whoever sent the message, or nobody: a newer network half counts its wants anew. */
    message(message: FromNetwork, answer: (message: FromDataplane) => void): void;
    /** A line was no want; its connection is ended. */
    refused?(error: Error): void;
  },
): Promise<SeamServer> {
  let current: Socket | undefined;
  const atDoor = new Set<Socket>();
  const letIn = (socket: Socket): void => {
    current?.destroy();
    current = socket;
    socket.on('close', () => {
      if (current === socket) current = undefined;
    });
    const answer = (message: FromDataplane): void => write(socket, message);
    readLines(socket, checkMessage, (message) => {
      if (current === socket) on.message(message, answer);
    });
    on.connected(answer);
    socket.resume();
  };
  const receive = async (socket: Socket): Promise<void> => {
    socket.on('error', (error) => {
      socket.destroy();
      if (error instanceof Fault || error instanceof SyntaxError) on.refused?.(error);
    });
    if (atDoor.size >= mostAtDoor) {
      socket.destroy();
      return;
    }
    atDoor.add(socket);
    const admitted = await on.admits(socket);
    atDoor.delete(socket);
    if (socket.destroyed) return;
    if (admitted) letIn(socket);
    else socket.destroy();
  };
  const server: Server = createServer({ pauseOnConnect: true }, (socket) => void receive(socket));
  if (await answers(path)) throw new Fault('listen', `another privileged half serves ${path}; one is all a node has`);
  rmSync(path, { force: true });
  mustBeOurs(dirname(path));
  // The kernel asks for write permission on the file of whoever connects (unix(7)): root and the group that we run with,
  // from the file's first moment on. Who of them may speak is asked at the door.
  const before = process.umask(0o117);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  return {
    send: (message) => {
      if (current !== undefined) write(current, message);
    },
    close: async () => {
      for (const socket of [...atDoor, current]) socket?.destroy();
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
/** Milliseconds at most, doubled each time, when it ends connections without a word: it refuses us, and says so in its log. */
const refusedMs = 5_000;

/** The network half's end: connects, and connects again whenever the connection ends. */
export function connectSeam(path: string, on: { message(message: FromDataplane): void; lost(): void }): SeamClient {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let waitMs = retryMs;
  const dial = (): void => {
    const dialled = connect(path);
    socket = dialled;
    let up = false;
    let heard = false;
    dialled.on('connect', () => {
      up = true;
    });
    dialled.on('error', () => dialled.destroy());
    // It may do anything to us as it is: we believe it.
    readLines(
      dialled,
      (value) => value as FromDataplane,
      (message) => {
        heard = true;
        on.message(message);
      },
    );
    dialled.on('close', () => {
      socket = undefined;
      waitMs = up && !heard ? Math.min(2 * waitMs, refusedMs) : retryMs;
      if (up) on.lost();
      if (!closed) timer = setTimeout(dial, waitMs);
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
