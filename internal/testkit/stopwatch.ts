// Stopwatch: how long something took, without the time in which the machine stood still.

/** Milliseconds between looks. */
const lookMs = 20;
/** Milliseconds that a look may come late on a busy machine; what is later stood still. */
const lateMs = 150;

export interface Stopwatch extends Disposable {
  /** Milliseconds since it was started; what this process computed itself counts, however long its loop was blocked. */
  ms(): number;
}

/**
 * For a bound that is a promise to users, on a machine that other guests halt for a second or two now and then: then
 * nothing runs, here or in what is measured. Of no use around calls that block this process until another one has ended.
 */
export function startStopwatch(): Stopwatch {
  const beganMs = performance.now();
  let stillMs = 0;
  let seenMs = beganMs;
  let seenCpu = process.cpuUsage();
  const look = (): void => {
    const nowMs = performance.now();
    const { user, system } = process.cpuUsage(seenCpu);
    const idleMs = nowMs - seenMs - lookMs - (user + system) / 1_000;
    if (idleMs > lateMs) stillMs += idleMs;
    seenMs = nowMs;
    seenCpu = process.cpuUsage();
  };
  const timer = setInterval(look, lookMs);
  return {
    ms: () => {
      look();
      return performance.now() - beganMs - stillMs;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
