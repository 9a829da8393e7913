// Memory: a daemon that was busy gives back what it no longer holds. V8 collects when it allocates; one that has
// loaded 10,000 tunnels and then rests would keep the garbage of the load for days (80 MB measured).

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds between looks. */
const lookMs = 10_000;
/** A full collection of 60 MB stops the world for about 80 ms: only where at least this much may come back. */
const worthBytes = 12 * 1024 * 1024;
/** Share of the time since the last look that the loop was busy; above it, allocation collects by itself. */
const restingBelow = 0.1;

/** Looks until the process ends; keeps nothing alive. */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  let settled = 0;
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    if (utilization > restingBelow || process.memoryUsage().heapTotal < settled + worthBytes) return;
    collect();
    settled = process.memoryUsage().heapTotal;
  }, lookMs).unref();
}
