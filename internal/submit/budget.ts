// Budget: the time that one request may wait for the store, all waits together.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';

/** Milliseconds: a caller hears within 2 s that the store is away. An election of etcd's takes about 1 s. */
const limitMs = 1_800;

export interface Budget {
  /** Aborted with a Fault `timeout` or `cancelled` when the budget is spent or the caller has gone. */
  readonly signal: AbortSignal;
  /** What the work gives, if it gives it in time; throws the signal's reason otherwise, and the work goes on unheard. */
  spend<T>(work: Promise<T>): Promise<T>;
  [Symbol.dispose](): void;
}

export function createBudget(clock: Clock, caller: AbortSignal): Budget {
  const over = new AbortController();
  const stopped = new AbortController();
  const expired = new Promise<never>((_, reject) => {
    over.signal.addEventListener('abort', () => reject(over.signal.reason));
  });
  expired.catch(() => {});
  const gone = (): void => over.abort(new Fault('cancelled', 'the caller has gone'));
  if (caller.aborted) gone();
  else caller.addEventListener('abort', gone);
  clock.sleep(limitMs, stopped.signal).then(
    () => over.abort(new Fault('timeout', `no answer within ${limitMs} ms`)),
    () => {},
  );
  return {
    signal: over.signal,
    spend: (work) => Promise.race([work, expired]),
    [Symbol.dispose]() {
      caller.removeEventListener('abort', gone);
      stopped.abort(new Fault('cancelled', 'not waited for any more'));
    },
  };
}
