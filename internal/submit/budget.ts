// Budget: the time that one request may wait for the store, all waits together.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';

/** Milliseconds: a caller hears within 2 s that the store is away. An election of etcd's takes about 1 s. */
const limitMs = 1_800;

export interface Budget {
  /** Aborted with a Fault `timeout` or `cancelled` when the budget is spent or the caller has gone. */
  readonly signal: AbortSignal;
  /** Why it is over; undefined while it is not. */
  readonly ended: Fault | undefined;
  /**
   * What the work gives, if it gives it in time; throws the signal's reason otherwise, and the work goes on unheard. One
   * wait after the other.
   */
  spend<T>(work: Promise<T>): Promise<T>;
  [Symbol.dispose](): void;
}

/** Of the requests that wait at the moment, all by one timer: each has the same limit, so the oldest is due first. */
export interface Budgets {
  open(caller: AbortSignal): Budget;
}

export function createBudgets(clock: Clock): Budgets {
  const waiting = new Map<object, { readonly untilMs: number; end(): void }>();
  let ticking = false;

  async function tick(): Promise<void> {
    ticking = true;
    for (;;) {
      const [oldest] = waiting.values();
      if (oldest === undefined) break;
      const leftMs = oldest.untilMs - clock.monotonicMs();
      if (leftMs > 0) await clock.sleep(leftMs);
      else oldest.end();
    }
    ticking = false;
  }

  return {
    open(caller) {
      // Made for the few that come to need it: an AbortController costs as much as the rest of a budget.
      let over: AbortController | undefined;
      let ended: Fault | undefined;
      // Of the work that is waited for. A race against one promise of the end took 1.5 us and half a kB more of each of
      // the hundreds that wait (measured).
      let fail: ((fault: Fault) => void) | undefined;
      const key = {};
      const end = (fault: Fault): void => {
        waiting.delete(key);
        ended = fault;
        over?.abort(fault);
        fail?.(fault);
      };
      const gone = (): void => end(new Fault('cancelled', 'the caller has gone'));
      const untilMs = clock.monotonicMs() + limitMs;
      waiting.set(key, { untilMs, end: () => end(new Fault('timeout', `no answer within ${limitMs} ms`)) });
      if (caller.aborted) gone();
      else caller.addEventListener('abort', gone);
      if (!ticking) void tick();
      return {
        get signal() {
          if (over === undefined) {
            over = new AbortController();
            if (ended !== undefined) over.abort(ended);
          }
          return over.signal;
        },
        get ended() {
          return ended;
        },
        spend: (work) =>
          new Promise((resolve, reject) => {
            fail = reject;
            // Also when the budget is spent already: nobody else hears of its failure.
            work.then(resolve, reject);
            if (ended !== undefined) reject(ended);
          }),
        [Symbol.dispose]() {
          caller.removeEventListener('abort', gone);
          waiting.delete(key);
        },
      };
    },
  };
}
