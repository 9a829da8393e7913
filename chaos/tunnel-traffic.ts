// Tunnel traffic: the life of tunnels. All clients share them, and change each at several daemons at once.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { type Allocator, openAllocator } from './allocator.ts';
import type { Ask } from './ask.ts';
import { askCreateTunnel, askDeleteTunnel, type Wishes } from './asks.ts';
import { pick, takeOne } from './choice.ts';
import type { HistoryRecorder } from './history.ts';
import { emptyMemory, type Memory, type Tunnel } from './memory.ts';
import type { Part } from './part.ts';
import { idOf } from './pools.ts';
import { askNewKey, askRestore, askRotate, askSuspend, askUpdate } from './tunnel-asks.ts';

export interface TunnelTrafficOptions {
  readonly daemons: ReadonlyMap<string, Client>;
  readonly clock: Clock;
  readonly history: HistoryRecorder;
  readonly seed: number;
  /** Default 4. */
  readonly clients?: number;
  /** Requests a second of each; default 6. */
  readonly perSecond?: number;
  /** So many are kept, so that each has several that change it; default 24. */
  readonly mostTunnels?: number;
}

export const tunnelOwners: readonly string[] = ['t-0', 't-1', 't-2'];

const usualTunnels = 24;
const usualClients = 4;
const usualPerSecond = 6;

const wishes: Wishes = [
  { pool: idOf('wide'), length: 32 },
  { pool: idOf('wide6'), length: 64 },
];

interface Shared {
  readonly memory: Memory;
  readonly deleted: Tunnel[];
  readonly random: () => number;
  readonly newRequest: () => string;
  readonly mostTunnels: number;
}

type Draw = (shared: Shared) => Ask | undefined;

const onOne =
  (ask: (request: string, tunnel: Tunnel, random: () => number) => Ask): Draw =>
  ({ memory, newRequest, random }) => {
    const tunnel = pick(memory.tunnels, random);
    return tunnel && ask(newRequest(), tunnel, random);
  };

const create: Draw = ({ memory, newRequest, random, mostTunnels }) =>
  memory.tunnels.length >= mostTunnels
    ? undefined
    : askCreateTunnel({ request: newRequest(), owner: pick(tunnelOwners, random) ?? '', memory }, wishes);

const remove: Draw = ({ memory, deleted, newRequest, random }) => {
  const tunnel = takeOne(memory.tunnels, random);
  if (tunnel === undefined) return undefined;
  const ask = askDeleteTunnel({ request: newRequest(), memory }, tunnel);
  return {
    ...ask,
    settled: (answer) => {
      ask.settled(answer);
      if (answer !== undefined) deleted.push(tunnel);
    },
  };
};

const restore: Draw = ({ memory, deleted, newRequest, random }) => {
  const tunnel = takeOne(deleted, random);
  // One that cannot be brought back is forgotten: its addresses are another's, or it is too long ago.
  return tunnel && askRestore(newRequest(), tunnel, (restored) => restored && memory.tunnels.push(tunnel));
};

/** Weights; together 100. */
const draws: readonly (readonly [weight: number, draw: Draw])[] = [
  [16, create],
  [42, onOne(askUpdate)],
  [6, onOne(askNewKey)],
  [8, onOne((request, tunnel) => askRotate(request, tunnel, false))],
  [6, onOne((request, tunnel) => askRotate(request, tunnel, true))],
  [3, onOne((request, tunnel) => askSuspend(request, tunnel, true))],
  [5, onOne((request, tunnel) => askSuspend(request, tunnel, false))],
  [8, remove],
  [6, restore],
];

function next(shared: Shared): Ask | undefined {
  let left = shared.random() * 100;
  for (const [weight, draw] of draws) {
    left -= weight;
    if (left < 0) return draw(shared);
  }
  return undefined;
}

export function openTunnelTraffic(options: TunnelTrafficOptions): Part {
  const { daemons, clock, history, seed, mostTunnels = usualTunnels } = options;
  const [memory, deleted] = [emptyMemory(), [] as Tunnel[]];
  let requests = 0;
  const clients: readonly Allocator[] = Array.from({ length: options.clients ?? usualClients }, (_, at) => {
    const random = randomFrom(seed * 1_000 + 200 + at);
    const newRequest = (): string => `${seed}-t${at}-${(requests += 1)}`;
    return openAllocator({
      ...{ name: `t${at}`, daemons, clock, history, random, streaming: false, preferred: () => undefined },
      perSecond: options.perSecond ?? usualPerSecond,
      next: () => next({ memory, deleted, random, newRequest, mostTunnels }),
    });
  });
  return {
    run: async (signal) => void (await Promise.all(clients.map((client) => client.run(signal)))),
    finish: async (withinMs) => {
      const signal = AbortSignal.timeout(withinMs);
      await Promise.all(clients.map((client) => client.resolve(signal)));
    },
    close: () => {
      for (const client of clients) client.close();
    },
  };
}
