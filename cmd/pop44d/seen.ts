// Seen: what the two nodes of a pair tell each other of their clients, kept for who asks what a node's death would cost.

import type { Whereabouts } from '#internal/seam/seam.ts';

interface SeenClient {
  readonly handshakeMs: number;
  readonly rttMs: number;
  readonly endpoint: string;
}

export interface Seen {
  /** Somebody has told of clients since this daemon began. */
  readonly known: boolean;
  of(publicKey: string): SeenClient | undefined;
  take(peers: Whereabouts['peers']): void;
}

/** @param stands keys that are tunnels'. O(peers) a taking */
export function createSeen(stands: (publicKey: string) => boolean): Seen {
  const all = new Map<string, SeenClient>();
  /** Beyond a device's peers there are keys that are none any more. */
  const most = 65_536;
  const thin = (): void => {
    for (const key of all.keys()) if (!stands(key)) all.delete(key);
  };
  const seen = {
    known: false,
    of: (publicKey: string) => all.get(publicKey),
    take: (peers: Whereabouts['peers']) => {
      seen.known = true;
      // While a PoP's key is rotated a key is a peer of two interfaces: the newer handshake counts.
      for (const [publicKey, endpoint, handshakeMs, , rttMs = 0] of peers)
        if ((all.get(publicKey)?.handshakeMs ?? 0) <= handshakeMs) all.set(publicKey, { handshakeMs, rttMs, endpoint });
      if (all.size > most) thin();
    },
  };
  return seen;
}
