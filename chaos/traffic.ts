// Traffic: clients that allocate through all daemons, and a warden.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { type Allocator, openAllocator } from './allocator.ts';
import type { Ask } from './ask.ts';
import type { HistoryRecorder } from './history.ts';
import { emptyMemory } from './memory.ts';
import { type Mixer, nextAsk } from './mix.ts';
import type { Part } from './part.ts';
import { wardenAsks } from './warden.ts';

export interface TrafficOptions {
  /** One client for each daemon, by node. */
  readonly daemons: ReadonlyMap<string, Client>;
  readonly pops: readonly string[];
  readonly clock: Clock;
  readonly history: HistoryRecorder;
  readonly seed: number;
  /** Allocators; default 6, half of them over streams. */
  readonly allocators?: number;
  /** Requests a second of each; default 36. */
  readonly perSecond?: number;
  /** Changes of the meeting pool a second; default 2. */
  readonly wardenPerSecond?: number;
  /** What each client draws from; default: mix.ts. */
  readonly mix?: (client: number, clock: Clock) => (mixer: Mixer) => Ask | undefined;
  /** Milliseconds before an unknown outcome is asked for again; default 500, doubling. */
  readonly againAfterMs?: number;
  /** Ask the daemon that leads this pool, whenever one does; default: any daemon. */
  readonly leaderOf?: string;
}

export interface Traffic extends Part {
  /** Whose records they are. */
  readonly owners: readonly string[];
  /** Of the pool that the options name. */
  leader(): string | undefined;
}

const usualAllocators = 6;
const usualPerSecond = 36;
const usualWardenPerSecond = 2;
const ownersEach = 4;

export function openTraffic(options: TrafficOptions): Traffic {
  const { daemons, pops, clock, history, seed } = options;
  const count = options.allocators ?? usualAllocators;
  const owners: string[] = [];
  const clients: Allocator[] = [];
  let leader: string | undefined;
  const open = (name: string, at: number, parts: { perSecond: number; next: () => Ask | undefined }): void => {
    const random = randomFrom(seed * 1_000 + at);
    const rest = { ...(options.againAfterMs && { againAfterMs: options.againAfterMs }), preferred: () => leader };
    clients.push(openAllocator({ name, daemons, clock, history, random, streaming: at % 2 === 1, ...parts, ...rest }));
  };
  for (let at = 0; at < count; at += 1) {
    const name = `c${at}`;
    const own = Array.from({ length: ownersEach }, (_, n) => `${name}-${n}`);
    owners.push(...own);
    const mixer: Mixer = {
      memory: emptyMemory(),
      owners: own,
      pops,
      random: randomFrom(seed * 1_000 + 100 + at),
      newRequest: counter(`${seed}-${name}`),
    };
    const draw = options.mix?.(at, clock) ?? nextAsk;
    open(name, at, { perSecond: options.perSecond ?? usualPerSecond, next: () => draw(mixer) });
  }
  open('warden', 2 * count, {
    perSecond: options.wardenPerSecond ?? usualWardenPerSecond,
    next: wardenAsks(counter(`${seed}-warden`), randomFrom(seed * 1_000 + 99)),
  });

  return {
    owners,
    async run(signal) {
      await Promise.all([
        ...clients.map((client) => client.run(signal)),
        followLeader(options, signal, (node) => {
          leader = node;
        }),
      ]);
    },
    async finish(withinMs) {
      const signal = AbortSignal.timeout(withinMs);
      await Promise.all(clients.map((client) => client.resolve(signal)));
    },
    leader: () => leader,
    close() {
      for (const client of clients) client.close();
    },
  };
}

function counter(stem: string): () => string {
  let count = 0;
  return () => `${stem}-${(count += 1)}`;
}

const leaderLookMs = 200;

/** Tells who leads the pool that the options name, as any daemon that answers has it. */
async function followLeader(
  { daemons, clock, leaderOf }: TrafficOptions,
  signal: AbortSignal,
  tell: (node: string | undefined) => void,
): Promise<void> {
  while (leaderOf !== undefined && !signal.aborted) {
    for (const client of daemons.values()) {
      const answer = await client.pools
        .getPool({ pool: leaderOf }, { deadlineMs: leaderLookMs })
        .catch(() => undefined);
      if (answer?.pool?.leaderNodeId) tell(answer.pool.leaderNodeId);
    }
    await clock.sleep(leaderLookMs, signal).catch(() => undefined);
  }
}
