// Holders: at which node each client's session is, by its newest confirmed handshake, wherever that was.

/** Where a client was when it last shook hands with a node. */
export interface Whereabout {
  /** Access interface and public key, as a dataplane has it: `p44w0 <key>`. */
  readonly peer: string;
  /** `198.18.1.2:51820` or `[2001:db8::1]:51820`. */
  readonly endpoint: string;
  /** Unix time, milliseconds. */
  readonly handshakeMs: number;
  /** There and back, milliseconds; 0: not known. */
  readonly rttMs: number;
  /** The node that it shook hands with. */
  readonly nodeId: string;
}

export interface Holders {
  /** Gives the endpoints of which another is the newest now. O(told). */
  told(whereabouts: readonly Whereabout[]): ReadonlySet<string>;
  /** Forgets sessions that are over; gives their endpoints. O(those that are over). */
  expire(nowMs: number): ReadonlySet<string>;
  /** Who was there last. Behind one NAT several have had the same address and port. */
  at(endpoint: string): Whereabout | undefined;
  /** Clients whose newest session is with that node. O(all). */
  of(nodeId: string): readonly Whereabout[];
  all(): Iterable<Whereabout>;
  /** The peer is none any more; gives its endpoint's. */
  forget(peer: string): ReadonlySet<string>;
}

/**
 * REJECT_AFTER_TIME of WireGuard (paper, 6.1), and the time that it may take until a renewal is heard of: what is sent in a session
 * that is over is of use to nobody.
 */
export const sessionMs = 180_000 + 10_000;

export function createHolders(): Holders {
  /** The one that shook hands last at the end, but for clocks that differ. */
  const byPeer = new Map<string, Whereabout>();
  const peersAt = new Map<string, Set<string>>();

  const leave = ({ endpoint, peer }: Whereabout): void => {
    const peers = peersAt.get(endpoint);
    peers?.delete(peer);
    if (peers?.size === 0) peersAt.delete(endpoint);
  };
  const drop = (entry: Whereabout): void => {
    byPeer.delete(entry.peer);
    leave(entry);
  };
  return {
    told: (whereabouts) => {
      const changed = new Set<string>();
      for (const entry of whereabouts) {
        const before = byPeer.get(entry.peer);
        if (before !== undefined && before.handshakeMs >= entry.handshakeMs) {
          // Told again, with what has been measured since.
          if (before.handshakeMs === entry.handshakeMs && before.nodeId === entry.nodeId && entry.rttMs > 0)
            byPeer.set(entry.peer, { ...before, rttMs: entry.rttMs });
          continue;
        }
        if (before !== undefined) {
          drop(before);
          changed.add(before.endpoint);
        }
        byPeer.set(entry.peer, entry);
        const peers = peersAt.get(entry.endpoint) ?? new Set<string>();
        peersAt.set(entry.endpoint, peers.add(entry.peer));
        changed.add(entry.endpoint);
      }
      return changed;
    },
    expire: (nowMs) => {
      const changed = new Set<string>();
      for (const entry of byPeer.values()) {
        if (nowMs - entry.handshakeMs < sessionMs) break;
        drop(entry);
        changed.add(entry.endpoint);
      }
      return changed;
    },
    at: (endpoint) => {
      let newest: Whereabout | undefined;
      for (const peer of peersAt.get(endpoint) ?? []) {
        const entry = byPeer.get(peer);
        if (entry !== undefined && entry.handshakeMs > (newest?.handshakeMs ?? -1)) newest = entry;
      }
      return newest;
    },
    of: (nodeId) => [...byPeer.values()].filter((entry) => entry.nodeId === nodeId),
    all: () => byPeer.values(),
    forget: (peer) => {
      const entry = byPeer.get(peer);
      if (entry === undefined) return new Set();
      drop(entry);
      return new Set([entry.endpoint]);
    },
  };
}
