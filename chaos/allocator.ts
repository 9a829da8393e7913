// Allocator: one client that asks at its pace, through whichever daemon it picks, and never lets an unknown outcome be.

import type { Client } from '#internal/client/client.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { CallOptions } from '#internal/rpc/rpc.ts';
import { type Answer, type Ask, attempt } from './ask.ts';
import { allocateAnswer } from './asks.ts';
import type { HistoryRecorder } from './history.ts';
import { type ManyStream, openManyStream } from './many-stream.ts';

export interface AllocatorOptions {
  readonly name: string;
  /** One for each daemon, by node. */
  readonly daemons: ReadonlyMap<string, Client>;
  readonly clock: Clock;
  readonly history: HistoryRecorder;
  readonly random: () => number;
  /** Allocations go over streams. */
  readonly streaming: boolean;
  readonly perSecond: number;
  readonly next: () => Ask | undefined;
  /** The daemon to ask first; undefined: any. */
  readonly preferred: () => string | undefined;
  /** Milliseconds before an unknown outcome is asked for again; default 500, doubling up to 2,000. */
  readonly againAfterMs?: number;
}

export interface Allocator {
  /** Ends by its signal, when every call that was under way has returned. */
  run(signal: AbortSignal): Promise<void>;
  /** Asks again for all that is unknown until it is known. Ends by its signal at the latest. */
  resolve(signal: AbortSignal): Promise<void>;
  close(): void;
}

/** A call that is not answered until then is one whose outcome nobody knows. A daemon gives itself 2 s. */
const deadlineMs = 4_000;
const mostAtOnce = 48;
const mostRemembered = 64;
/** One in so many asks again for something that is long known. */
const repeatShare = 0.04;
const usualAgainAfterMs = 500;
const longestPauseMs = 2_000;

export function openAllocator(options: AllocatorOptions): Allocator {
  const { name, daemons, clock, history, random, streaming, perSecond, next } = options;
  const nodes = [...daemons.keys()];
  const streams = new Map<string, ManyStream>();
  const unknown = new Map<Ask, string>();
  const known: Ask[] = [];
  const running = new Set<Promise<void>>();

  const anotherThan = (node: string | undefined): string => {
    const others = nodes.filter((each) => each !== node);
    return others[Math.floor(random() * others.length)] ?? nodes[0] ?? '';
  };

  function streamTo(node: string, client: Client): ManyStream {
    const open = streams.get(node);
    if (open !== undefined && !open.broken) return open;
    const stream = openManyStream(client, clock);
    streams.set(node, stream);
    return stream;
  }

  async function send(ask: Ask, node: string): Promise<Answer> {
    const client = daemons.get(node);
    if (client === undefined) throw new RangeError(`no daemon ${node}`);
    const { streamed } = ask;
    const call: CallOptions = { deadlineMs };
    if (!streaming || streamed === undefined) return ask.send(client, call);
    return allocateAnswer(await streamTo(node, client).allocate(streamed, deadlineMs));
  }

  async function perform(ask: Ask, node: string, first: boolean): Promise<void> {
    const { outcome, answer } = await attempt(ask, { client: name, node, clock, history }, () => send(ask, node));
    if (outcome === 'unknown') unknown.set(ask, node);
    // Nothing is known of a repeat that did not arrive but what was known before.
    else if (outcome === 'unavailable' && !first) return;
    else {
      unknown.delete(ask);
      if (answer !== undefined) known.push(ask);
      if (known.length > mostRemembered) known.shift();
      ask.settled(answer);
    }
  }

  /** A repeat of what is known changes nothing, so nothing is to be learnt from it: it is only recorded. */
  const repeat = async (ask: Ask): Promise<void> => {
    const node = anotherThan(undefined);
    await attempt(ask, { client: name, node, clock, history }, () => send(ask, node));
  };

  function start(work: Promise<void>): void {
    running.add(work);
    void work.finally(() => running.delete(work));
  }

  async function askAgain(ask: Ask, signal: AbortSignal, afterMs = usualAgainAfterMs): Promise<void> {
    let pause = afterMs;
    while (unknown.has(ask) && !signal.aborted) {
      await clock.sleep(pause * (0.5 + random()), signal).catch(() => undefined);
      if (!signal.aborted) await perform(ask, anotherThan(unknown.get(ask)), false);
      pause = Math.min(2 * pause, longestPauseMs);
    }
  }

  return {
    async run(signal) {
      let due = clock.monotonicMs();
      while (!signal.aborted) {
        due = Math.max(due, clock.monotonicMs() - 1_000) + (2 * random() * 1_000) / perSecond;
        await clock.sleep(Math.max(0, due - clock.monotonicMs()), signal).catch(() => undefined);
        if (signal.aborted || running.size >= mostAtOnce) continue;
        const past = random() < repeatShare ? known[Math.floor(random() * known.length)] : undefined;
        if (past !== undefined) {
          start(repeat(past));
          continue;
        }
        const ask = next();
        if (ask === undefined) continue;
        start(
          (async () => {
            await perform(ask, options.preferred() ?? anotherThan(undefined), true);
            await askAgain(ask, signal, options.againAfterMs);
          })(),
        );
      }
      await Promise.all(running);
    },
    async resolve(signal) {
      await Promise.all([...unknown.keys()].map((ask) => askAgain(ask, signal)));
    },
    close() {
      for (const stream of streams.values()) stream.close();
    },
  };
}
