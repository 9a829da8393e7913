import { pace } from './pace.ts';
import { startStopwatch } from './stopwatch.ts';

/** Milliseconds that checks which block this process may take away, which look like a machine that stands still. */
const mostStillMs = 20_000;

/**
 * Waits until `check` gives something other than undefined, null or false, or no longer throws, and gives that back.
 * After `withinMs` (longer on an emulated machine), in which the machine did not stand still, it fails with the last thing
 * that `check` threw or gave. Asks every 10 ms, and once more when the time is over.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  withinMs: number,
): Promise<Exclude<NonNullable<T>, false>> {
  const paceMs = withinMs * pace;
  using watch = startStopwatch();
  const endMs = performance.now() + paceMs + mostStillMs;
  for (;;) {
    const last = watch.ms() > paceMs || performance.now() > endMs;
    const beganMs = performance.now();
    let failure: unknown;
    try {
      const found = await check();
      if (found !== undefined && found !== null && found !== false) return found as Exclude<NonNullable<T>, false>;
      failure = new Error(`not so within ${withinMs} ms: ${String(found)}`);
    } catch (thrown) {
      failure = thrown;
    }
    if (last) throw failure;
    const tookMs = performance.now() - beganMs;
    await new Promise((resolve) => setTimeout(resolve, Math.min(200, Math.max(10, tookMs))));
  }
}
