// Presence: where each tunnel last shook hands, from the own interface and from what the mesh tells.
//
// On the path: handshakes come in; out goes the set of tunnels that are live on this node, which gives a tunnel that
// is away from its home a route of its own, and the news that other nodes must hear.
// Never: in etcd. A presence that is lost is told again by the next handshake.

import { Set } from 'immutable';

export { createLive, type Live, type LiveTunnels } from './live.ts';

/** Unix time, milliseconds. */
export interface Sighting {
  readonly tunnelId: string;
  readonly handshakeMs: number;
  /** Own access interface that it was on. */
  readonly link?: string;
}

interface Holder {
  readonly nodeId: string;
  readonly handshakeMs: number;
}

export interface Presence {
  /** Tunnels whose newest handshake is this node's. */
  here(): Set<string>;
  /** Handshakes of the own access interface. Gives what others must hear: tunnels that have just come here. */
  seen(sightings: readonly Sighting[]): readonly Sighting[];
  /** From another node. Gives what it must hear in return: tunnels that it believes to hold and has lost since. */
  told(nodeId: string, sightings: readonly Sighting[]): readonly Sighting[];
  /** Everything that is here, for a node that has just come. */
  all(): readonly Sighting[];
  /** Node of its newest handshake, as far as it was heard of. */
  holderOf(tunnelId: string): string | undefined;
  /** The tunnel is gone. */
  forget(tunnelId: string): void;
}

/** `onMove` hears of tunnels that came or went, once for each call that moved any. */
export function createPresence(
  nodeId: string,
  onMove: (here: Set<string>, moved: readonly string[]) => void,
): Presence {
  const holders = new Map<string, Holder>();
  let here = Set<string>();

  function settle(next: Set<string>, moved: readonly string[]): void {
    if (moved.length === 0) return;
    here = next;
    onMove(here, moved);
  }

  return {
    here: () => here,
    seen: (sightings) => {
      const news: Sighting[] = [];
      for (const sighting of sightings) {
        const holder = holders.get(sighting.tunnelId);
        if (holder !== undefined && holder.handshakeMs >= sighting.handshakeMs) continue;
        holders.set(sighting.tunnelId, { nodeId, handshakeMs: sighting.handshakeMs });
        // A rekey of a session that is here already is no news.
        if (holder?.nodeId !== nodeId) news.push(sighting);
      }
      settle(
        here.union(news.map((sighting) => sighting.tunnelId)),
        news.map((sighting) => sighting.tunnelId),
      );
      return news;
    },
    told: (from, sightings) => {
      const corrections: Sighting[] = [];
      const moved: string[] = [];
      for (const { tunnelId, handshakeMs } of sightings) {
        const holder = holders.get(tunnelId);
        if (holder !== undefined && holder.handshakeMs >= handshakeMs) {
          if (holder.nodeId === nodeId) corrections.push({ tunnelId, handshakeMs: holder.handshakeMs });
          continue;
        }
        holders.set(tunnelId, { nodeId: from, handshakeMs });
        if (holder?.nodeId === nodeId) moved.push(tunnelId);
      }
      settle(here.subtract(moved), moved);
      return corrections;
    },
    all: () =>
      [...here].sort().flatMap((tunnelId) => {
        const holder = holders.get(tunnelId);
        return holder === undefined ? [] : [{ tunnelId, handshakeMs: holder.handshakeMs }];
      }),
    holderOf: (tunnelId) => holders.get(tunnelId)?.nodeId,
    forget: (tunnelId) => {
      holders.delete(tunnelId);
      if (here.has(tunnelId)) settle(here.delete(tunnelId), [tunnelId]);
    },
  };
}
