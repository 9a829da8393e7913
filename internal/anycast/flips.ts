// Flips: clients whose datagrams come here while another node holds their session. The internet may have sent them here for a
// moment; whoever still comes after a while is to stay.

/** A client that is being relayed. */
export interface Relayed {
  readonly endpoint: string;
  /** Milliseconds since its last datagram. */
  readonly agoMs: number;
}

export interface Flips {
  /** As it is now; gives those that have kept coming for long enough. O(relayed). */
  seen(relayed: readonly Relayed[], nowMs: number): readonly string[];
  /** Those that come now, each with when it came last. */
  all(): ReadonlyMap<string, number>;
  /** It is here to stay, or no other node's any more. */
  forget(endpoint: string): void;
}

/** An internet that is finding its way changes within seconds; a BGP route that has stood that long mostly stays. */
const stableMs = 5_000;
/** Longer than between two keepalives of 25 s: who only keeps its NAT open comes so seldom. */
const pauseMs = 30_000;

export function createFlips(): Flips {
  const coming = new Map<string, { readonly sinceMs: number; lastMs: number }>();
  return {
    seen: (relayed, nowMs) => {
      const stable: string[] = [];
      for (const { endpoint, agoMs } of relayed) {
        const atMs = nowMs - agoMs;
        const known = coming.get(endpoint);
        if (known === undefined || atMs - known.lastMs > pauseMs) coming.set(endpoint, { sinceMs: atMs, lastMs: atMs });
        else known.lastMs = Math.max(known.lastMs, atMs);
        const { sinceMs, lastMs } = coming.get(endpoint) ?? { sinceMs: atMs, lastMs: atMs };
        if (lastMs - sinceMs >= stableMs) stable.push(endpoint);
      }
      for (const [endpoint, { lastMs }] of coming) if (nowMs - lastMs > pauseMs) coming.delete(endpoint);
      return stable;
    },
    all: () => new Map([...coming].map(([endpoint, { lastMs }]) => [endpoint, lastMs])),
    forget: (endpoint) => coming.delete(endpoint),
  };
}
