// Pulse: twice a second a daemon looks at its contact with the store and at how late its loop runs.

import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Milliseconds. */
const pulseMs = 500;

/** `beat` gets how late the loop ran since the last one: the 99th percentile, in milliseconds. Gives what ends it. */
export function startPulse(beat: (loopLagMs: number) => void): () => void {
  const lag = monitorEventLoopDelay();
  lag.enable();
  const timer = setInterval(() => {
    const loopLagMs = lag.percentile(99) / 1e6;
    lag.reset();
    beat(loopLagMs);
  }, pulseMs);
  return () => {
    clearInterval(timer);
    lag.disable();
  };
}
