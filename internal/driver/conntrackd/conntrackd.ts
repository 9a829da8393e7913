// Driver conntrackd: the states of the pop namespace's connections, told to the sibling as they change and kept there outside
// the kernel, until it takes over and puts them in: all at once, 13 us each (measured).
//
// conntrackd outlives us, is adopted by its process id, and is started again when it dies, hangs, or its interface is another.
// Never: is asked for a single flow, or holds up a takeover; without it connections behind "replies only" begin again.

import type { Clock } from '#internal/clock/clock.ts';
import type { Sync } from '#internal/dataplane/dataplane.ts';
import type { Driver, StepFailure } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { createDaemon } from './daemon.ts';
import { parseCounts } from './parse.ts';

export interface ConntrackdOptions {
  /** File of the pop namespace. */
  readonly netns: string;
  /** Has `sync.conf`, `.ctl`, `.pid`, `.log`. */
  readonly runDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Flows that this node has, and those that its sibling has told. */
export interface FlowCounts {
  readonly own: number;
  readonly held: number;
}

export interface ConntrackdDriver extends Driver<'sync'> {
  /** What the sibling has told goes into the kernel, and is kept: it goes on telling. O(flows). */
  prepare(): Promise<void>;
  /** What the sibling had told goes into the kernel, and everything from there to the sibling, when it is back. O(flows). */
  lead(): Promise<void>;
  /** What was here ends within a minute, and the sibling is asked for everything anew. */
  follow(): Promise<void>;
  /** It runs, as of the last look (0.5 s). */
  stands(): boolean;
  /** Undefined: conntrackd does not run, or does not answer. A process. */
  counts(): Promise<FlowCounts | undefined>;
}

/** A process id is looked at so often: two files. */
const watchEachMs = 500;

export function openConntrackd({ netns, runDir, clock, log }: ConntrackdOptions): ConntrackdDriver {
  const daemon = createDaemon({ netns, runDir, clock });
  const listeners: ((reason: string) => void)[] = [];
  const closing = new AbortController();
  let queue: Promise<unknown> = Promise.resolve();
  /** One after the other: a commit and a flush must not meet. */
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
  let stood = daemon.stands();

  async function watch(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(watchEachMs, closing.signal).catch(() => undefined);
      const stands = daemon.stands();
      if (stood && !stands && !closing.signal.aborted) {
        log.warn('conntrackd-ended', {});
        for (const listener of listeners) listener('conntrackd has died');
      }
      stood = stands;
    }
  }
  const watching = watch();

  /** Orders of conntrackd(8), in turn. One that it does not take is told, and the rest is tried. */
  async function order(name: string, orders: readonly (readonly string[])[]): Promise<void> {
    await inTurn(async () => {
      if (!daemon.stands()) return;
      const beganMs = clock.monotonicMs();
      try {
        for (const args of orders) await daemon.ask(args);
        log.info(name, { ms: Math.round(clock.monotonicMs() - beganMs) });
      } catch (cause) {
        log.warn('conntrackd-failed', { order: name, reason: messageOf(cause) });
      }
    });
  }

  async function applyAll(steps: Parameters<Driver['apply']>[0]): Promise<readonly StepFailure[]> {
    const failures: StepFailure[] = [];
    for (const step of steps) {
      if (step.kind !== 'sync') continue;
      try {
        // Its end is ours then.
        stood = false;
        await inTurn(() => (step.op === 'remove' ? daemon.end() : daemon.start(step.want)));
        // Not only by the next look: one that dies before it would never be told.
        stood = daemon.stands();
      } catch (cause) {
        failures.push({ step, message: messageOf(cause) });
      }
    }
    return failures;
  }

  return {
    kinds: ['sync'],
    observe: async () => {
      const found = await daemon.observed();
      return { sync: new Map<string, Sync>(found === undefined ? [] : [[found.link, found]]) };
    },
    apply: applyAll,
    onDisturbance: (listener) => listeners.push(listener),
    prepare: () => order('flows-prepared', [['-c']]),
    lead: () => order('flows-committed', [['-c'], ['-f', 'external'], ['-R'], ['-B']]),
    follow: () => order('flows-asked-for', [['-t'], ['-f', 'external'], ['-n']]),
    stands: () => stood,
    counts: async () => {
      if (!daemon.stands()) return undefined;
      return daemon.ask(['-s']).then(parseCounts, () => undefined);
    },
    close: async () => {
      closing.abort();
      await watching;
      await queue;
    },
  };
}
