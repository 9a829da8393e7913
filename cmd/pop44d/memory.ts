// Memory: a daemon that was busy gives back what it no longer holds. V8 collects when it allocates; one that has
// loaded 10,000 tunnels and then rests would keep the garbage of the load for days (80 MB measured).

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Milliseconds between looks; two in a row must find it resting, so that no pause between two calls is taken for rest. */
const lookMs = 20_000;
/** To collect 70 MB and give all back stops the world for 0.2 to 0.4 s: only where at least this much may come back. */
const worthBytes = 16 * 1024 * 1024;
/** Nor less than this share of what is held: the stop grows with that, to 1 s with 100,000 tunnels in the records (measured). */
const worthShare = 0.1;
/**
 * Share of the time since the last look that the loop was busy. At 50 creates a second it is a tenth, and a collection
 * there was a stop that the callers saw (0.4 s, measured); at rest with 10,000 tunnels it is a hundredth.
 */
const restingBelow = 0.03;

/** Looks until the process ends; keeps nothing alive. */
export function giveBackMemory(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  let settled = 0;
  let restedBefore = false;
  let before = performance.eventLoopUtilization();
  setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    const rested = utilization < restingBelow;
    const long = rested && restedBefore;
    restedBefore = rested;
    if (!long || process.memoryUsage.rss() < settled + Math.max(worthBytes, settled * worthShare)) return;
    // Of any other flavor V8 keeps the pages it has emptied for later: 30 MB of 70, and heapTotal does not tell.
    collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    settled = process.memoryUsage.rss();
  }, lookMs).unref();
}
