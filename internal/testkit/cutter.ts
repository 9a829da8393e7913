// A TCP path that fails on command, between a client and a server of the tests.

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface Cutter extends AsyncDisposable {
  readonly port: number;
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** Connections taken since it was opened. */
  readonly connections: number;
  /** Ends every connection orderly (FIN). */
  cut(): void;
  /** Ends every connection with RST. */
  reset(): void;
  /** Resets when this many more bytes have come from the server (counted over all connections). */
  resetAfter(serverBytes: number): void;
  /** Nothing passes any more, and nothing is closed: a dead path. New connections are taken and stay silent. */
  hold(): void;
  /** What the client sends passes, answers do not. */
  holdAnswers(): void;
  /** Everything passes again, what was held too. */
  release(): void;
  /** Refuses new connections (and resets those there are) until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
}

export async function openCutter(target: { readonly port: number }): Promise<Cutter> {
  const pairs = new Set<{ client: Socket; server: Socket }>();
  let connections = 0;
  let held: 'nothing' | 'answers' | 'all' = 'nothing';
  let resetIn = Number.POSITIVE_INFINITY;

  const listener = createServer((client) => {
    connections++;
    const server = connect(target.port, '127.0.0.1');
    const pair = { client, server };
    pairs.add(pair);
    const close = () => {
      pairs.delete(pair);
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      socket.setNoDelay();
      socket.on('error', close);
      socket.on('close', close);
    }
    client.on('data', (bytes) => server.write(bytes));
    server.on('data', (bytes) => {
      const passes = Math.max(0, Math.min(bytes.length, resetIn));
      resetIn -= bytes.length;
      client.write(bytes.subarray(0, passes));
      if (resetIn <= 0) {
        resetIn = Number.POSITIVE_INFINITY;
        // After what still passes has left.
        setImmediate(reset);
      }
    });
    applyHold(pair);
  });

  function applyHold({ client, server }: { client: Socket; server: Socket }): void {
    if (held === 'all') client.pause();
    else client.resume();
    if (held === 'nothing') server.resume();
    else server.pause();
  }
  function setHold(to: typeof held): void {
    held = to;
    for (const pair of pairs) applyHold(pair);
  }
  function reset(): void {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }
  async function listen(port: number): Promise<number> {
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    return address.port;
  }
  const stopListening = () => new Promise<void>((resolve) => listener.close(() => resolve()));

  const port = await listen(0);
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get connections() {
      return connections;
    },
    cut() {
      for (const { client, server } of pairs) {
        client.end();
        server.end();
      }
    },
    reset,
    resetAfter(serverBytes) {
      resetIn = serverBytes;
    },
    hold: () => setHold('all'),
    holdAnswers: () => setHold('answers'),
    release: () => setHold('nothing'),
    async refuse() {
      reset();
      await stopListening();
    },
    async accept() {
      await listen(port);
    },
    async [Symbol.asyncDispose]() {
      reset();
      if (listener.listening) await stopListening();
    },
  };
}
