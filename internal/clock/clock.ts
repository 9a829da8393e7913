// Clock: the one place where time is read.
//
// Whatever waits or measures takes a Clock as an argument, so that a test can hold the time. Durations are measured on
// the monotonic clock; the wall clock is for what people and certificates read.
// Never: keeps the process alive for a sleep that was aborted.

export interface Clock {
  /** Milliseconds (fractions too) since an arbitrary point; never goes back, not moved by clock changes. */
  monotonicMs(): number;
  wall(): Date;
  /** Resolves after `ms`; rejects with the signal's reason, at once when it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const realClock: Clock = {
  monotonicMs: () => performance.now(),
  wall: () => new Date(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  },
};
