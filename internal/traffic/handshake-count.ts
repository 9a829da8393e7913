// Handshake count: how many handshakes were completed in the last minute. O(60), however many there are.

/** Seconds. */
const windowSeconds = 60;

interface HandshakeCount {
  /** Times of peers' newest handshakes, as they are told; one that was told before is not counted again. Unix time, milliseconds. */
  take(timesMs: readonly number[], nowMs: number): void;
  perMinute(nowMs: number): number;
}

export function createHandshakeCount(): HandshakeCount {
  /** By second. */
  const counts = new Map<number, number>();
  // Whoever looks is told of handshakes since the last look: none of them is older than the newest of that one. All are told
  // again to a network half that comes back.
  let newestMs = 0;
  const forget = (nowMs: number): void => {
    const [oldest, newest] = [Math.floor(nowMs / 1_000) - windowSeconds, Math.floor(nowMs / 1_000)];
    for (const second of counts.keys()) if (second <= oldest || second > newest) counts.delete(second);
  };
  return {
    take: (timesMs, nowMs) => {
      // A clock that was set back.
      const known = Math.min(newestMs, nowMs);
      for (const timeMs of timesMs) {
        if (timeMs <= known || timeMs > nowMs) continue;
        const second = Math.floor(timeMs / 1_000);
        counts.set(second, (counts.get(second) ?? 0) + 1);
        newestMs = Math.max(newestMs, timeMs);
      }
      newestMs = Math.min(newestMs, nowMs);
      forget(nowMs);
    },
    perMinute: (nowMs) => {
      forget(nowMs);
      return [...counts.values()].reduce((sum, count) => sum + count, 0);
    },
  };
}
