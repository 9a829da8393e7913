// Load: tells a process of load clients what to do, and hears what came of it. load-clients.ts is that process.

import { fileURLToPath } from 'node:url';
import { keep } from '#internal/exec/exec.ts';
import { onMachine } from '#internal/testkit/lab/machines.ts';

export interface Load {
  /** The first so many of the clients. */
  readonly tunnels: number;
  /** Of each tunnel. */
  readonly packetsPerSecond: number;
  /** Of the IP packet, both ways. */
  readonly bytes: number;
  readonly ms: number;
}

export interface Loaded {
  readonly sent: number;
  readonly received: number;
  /** Of those that were opened: not what they should have been. */
  readonly unopened: number;
  /** Came back, and was lost by the clients: not the node's. */
  readonly dropped: number;
  /** Tunnels of which a reply is missing. */
  readonly lossyTunnels: number;
  /** By how much longer than it should it took to send them. */
  readonly slowness: number;
  /** The longest that it did not send at all. */
  readonly stalledMs: number;
  /** How busy each processor was while it sent, 0 to 1. */
  readonly busy: readonly number[];
  /** What processes that are not of this bench had of processors, 1 being one of them. */
  readonly foreign: number;
  /** Round trips as this process saw them, its own waiting included. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
}

export interface Idle {
  readonly tunnels: number;
  readonly keepaliveMs: number;
  readonly sessionMs: number;
}

export interface Idled {
  readonly keepalives: number;
  readonly handshakes: number;
  readonly answered: number;
  readonly failed: number;
  readonly ms: number;
}

export type Order = { readonly connect: number } | { readonly load: Load } | { readonly idle: Idle | null };

export interface LoadClients extends AsyncDisposable {
  readonly pid: number;
  connect(count: number): Promise<{ readonly connected: number; readonly perSecond: number }>;
  load(load: Load): Promise<Loaded>;
  startIdle(idle: Idle): Promise<void>;
  endIdle(): Promise<Idled>;
}

/** @param before what starts it, as `taskset -c 1` @param args of load-clients.ts */
export async function openLoadClients(
  netns: string,
  before: readonly string[],
  args: readonly string[],
): Promise<LoadClients> {
  const script = fileURLToPath(new URL('./load-clients.ts', import.meta.url));
  const waiting: PromiseWithResolvers<object>[] = [];
  const errors: string[] = [];
  const child = await keep({
    ...onMachine(netns, [...before, process.execPath, '--expose-gc', script, ...args]),
    onStdout: (line) => waiting.shift()?.resolve(JSON.parse(line) as object),
    onStderr: (line) => errors.push(line),
    onExit: (reason) => {
      for (const { reject } of waiting.splice(0)) reject(new Error([...errors.slice(-20), reason].join('\n')));
    },
  });
  const ask = async <T>(order: Order): Promise<T> => {
    const answer = Promise.withResolvers<object>();
    waiting.push(answer);
    child.write(`${JSON.stringify(order)}\n`);
    return (await answer.promise) as T;
  };
  return {
    pid: child.pid,
    connect: (count) => ask({ connect: count }),
    load: async (load) => (await ask<{ readonly loaded: Loaded }>({ load })).loaded,
    startIdle: async (idle) => void (await ask({ idle })),
    endIdle: async () => (await ask<{ readonly idled: Idled }>({ idle: null })).idled,
    [Symbol.asyncDispose]: () => child.stop(),
  };
}
