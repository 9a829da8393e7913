// Succession: a peer that is to take over another's AllowedIPs with its first handshake.
//
// An AllowedIP belongs to one peer of an interface, so the successor of a key that is being rotated has none until then.
// The moment is this half's to notice: what the store is told of it, and tells the other nodes, comes after.

import type { Peer } from '#internal/dataplane/dataplane.ts';

type Peers = Map<string, Peer>;

interface Pair {
  /** As they are asked for: the want holds what follows from that. */
  readonly successor: Peer;
  predecessor: Peer | undefined;
  readonly predecessorKey: string;
  taken: boolean;
}

export interface Succession {
  /** Somebody is waited for. */
  waiting(): boolean;
  /** Everything is asked anew. */
  clear(): void;
  /**
   * Turns what was just asked of these peers into what follows from it, in `want`; gives the keys that it changed. One
   * that holds AllowedIPs already, or has shaken hands, took over before we were started. O(keys).
   */
  settle(keys: Iterable<string>, want: Peers, found: ReadonlyMap<string, Peer>): readonly string[];
  /** Peers that have shaken hands: gives the keys of the want that changed with that. */
  shook(keys: Iterable<string>, want: Peers): readonly string[];
}

/** @param shaken whether the peer with this key of a dataplane has ever shaken hands, as far as it is known */
export function createSuccession(shaken: (peer: string) => boolean): Succession {
  /** By the successor's key. */
  const pairs = new Map<string, Pair>();
  /** The successor's key by the predecessor's. */
  const heirs = new Map<string, string>();
  let waited = 0;

  function end(key: string, pair: Pair): void {
    pairs.delete(key);
    heirs.delete(pair.predecessorKey);
    if (!pair.taken) waited -= 1;
  }

  function bequeath(key: string, { successor, predecessor, predecessorKey }: Pair, want: Peers): readonly string[] {
    if (predecessor === undefined) return [];
    want.set(key, { ...successor, allowedIps: predecessor.allowedIps });
    want.set(predecessorKey, { ...predecessor, allowedIps: [] });
    return [key, predecessorKey];
  }

  return {
    waiting: () => waited > 0,
    clear: () => {
      pairs.clear();
      heirs.clear();
      waited = 0;
    },
    settle: (touched, want, found) => {
      const keys = new Set(touched);
      const changed: string[] = [];
      for (const key of keys) {
        const pair = pairs.get(key);
        if (pair !== undefined) {
          end(key, pair);
          // A rotation that was taken back: the old key is as it was asked for.
          if (pair.taken && pair.predecessor !== undefined && !keys.has(pair.predecessorKey)) {
            want.set(pair.predecessorKey, pair.predecessor);
            changed.push(pair.predecessorKey);
          }
        }
        const heir = pairs.get(heirs.get(key) ?? '');
        if (heir !== undefined) heir.predecessor = want.get(key);
      }
      for (const key of keys) {
        const successor = want.get(key);
        if (successor?.successorOf === undefined) continue;
        const predecessorKey = `${successor.link} ${successor.successorOf}`;
        const taken = (found.get(key)?.allowedIps.length ?? 0) > 0 || shaken(key);
        pairs.set(key, { successor, predecessor: want.get(predecessorKey), predecessorKey, taken });
        heirs.set(predecessorKey, key);
        if (!taken) waited += 1;
      }
      for (const key of keys) {
        const heir = pairs.has(key) ? key : (heirs.get(key) ?? '');
        const pair = pairs.get(heir);
        if (pair?.taken === true) changed.push(...bequeath(heir, pair, want));
      }
      return changed;
    },
    shook: (keys, want) => {
      const changed: string[] = [];
      for (const key of keys) {
        const pair = pairs.get(key);
        if (pair === undefined || pair.taken) continue;
        pair.taken = true;
        waited -= 1;
        changed.push(...bequeath(key, pair, want));
      }
      return changed;
    },
  };
}
