// At rate: calls that begin when their time has come, as those of people do who do not wait for each other.

import { realClock } from '#internal/clock/clock.ts';

export interface Pace {
  /** A second. */
  readonly rate: number;
  readonly ms: number;
}

/** What each call gave, and its milliseconds; begun whether or not the ones before have ended. Throws what any throws. */
export async function atRate<T>(
  { rate, ms }: Pace,
  call: (n: number) => Promise<T>,
): Promise<readonly (readonly [ms: number, value: T])[]> {
  const began = performance.now();
  const running: Promise<readonly [number, T]>[] = [];
  for (let n = 0; n < (rate * ms) / 1_000; n += 1) {
    const wait = began + (n * 1_000) / rate - performance.now();
    if (wait > 0) await realClock.sleep(wait);
    const sent = performance.now();
    running.push(call(n).then((value) => [performance.now() - sent, value] as const));
  }
  return Promise.all(running);
}
