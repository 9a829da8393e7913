// Limit: how many tries are heard. A secret of 256 bits is not guessed at any rate; a try costs the signatures of a handshake
// and of a request, and these are what is saved.

/** Connections that a source may make at once, and in a minute. A machine that joins makes two a try; a site has several. */
const burst = 40;
const perMinute = 40;
/** Of all sources together. */
const burstOfAll = 120;
const perMinuteOfAll = 240;
/** Sources remembered; beyond that the longest silent one is forgotten. */
const mostSources = 1_024;
const minuteMs = 60_000;

interface Bucket {
  left: number;
  atMs: number;
}

/** An IPv6 customer has a /64 at least: the source is that. */
function sourceOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/i, '');
  return plain.includes(':') ? plain.split(':').slice(0, 4).join(':') : plain;
}

/** Whether a try of this source is heard, at this monotonic time in ms. */
export function createLimit(): (address: string, nowMs: number) => boolean {
  const sources = new Map<string, Bucket>();
  const all: Bucket = { left: burstOfAll, atMs: 0 };

  const refill = (bucket: Bucket, nowMs: number, most: number, rate: number): void => {
    bucket.left = Math.min(most, bucket.left + ((nowMs - bucket.atMs) / minuteMs) * rate);
    bucket.atMs = nowMs;
  };

  return (address, nowMs) => {
    const source = sourceOf(address);
    const bucket = sources.get(source) ?? { left: burst, atMs: nowMs };
    // The order of a map is that of insertion: the first is the longest silent.
    sources.delete(source);
    sources.set(source, bucket);
    for (const [oldest] of sources) {
      if (sources.size <= mostSources) break;
      sources.delete(oldest);
    }
    refill(bucket, nowMs, burst, perMinute);
    if (bucket.left < 1) return false;
    refill(all, nowMs, burstOfAll, perMinuteOfAll);
    if (all.left < 1) return false;
    bucket.left -= 1;
    all.left -= 1;
    return true;
  };
}
