// Owners: what WireGuard says of peers, as what it means for the tunnels whose keys they have.

import { accessLinks } from '#internal/dataplane/ownership.ts';
import { peerKeyId, type RecordChange, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import type { Sighting } from '#internal/presence/presence.ts';
import type { Reading } from '#internal/traffic/traffic.ts';

/** The tunnel whose key it is; undefined: nobody's. */
function ownerOf(snapshot: Snapshot, publicKey: string): string | undefined {
  const parsed = parseWgKey(publicKey);
  return typeof parsed === 'string' ? snapshot.peerkeys.get(peerKeyId(parsed))?.record.tunnelId : undefined;
}

/** Milliseconds; counters come 10 s after they were seen (applier/counters.ts), and later when the machine is busy. */
const formerMs = 60_000;

export interface FormerOwners {
  /** Keys that have lost their tunnel. O(changes + keys of the last minute). */
  changed(changes: readonly RecordChange[], nowMs: number): void;
  /** By what peerkeys have as their id; undefined: not within a minute. */
  of(keyId: string, nowMs: number): string | undefined;
}

/** Whose a key was until a minute ago: what it carried before the tunnel let go of it is told after that. */
export function createFormerOwners(): FormerOwners {
  const former = new Map<string, { readonly tunnelId: string; readonly untilMs: number }>();
  return {
    changed: (changes, nowMs) => {
      for (const change of changes) {
        if (change.kind !== 'peerkey' || change.before === undefined || change.after !== undefined) continue;
        // The oldest first.
        former.delete(change.id);
        former.set(change.id, { tunnelId: change.before.record.tunnelId, untilMs: nowMs + formerMs });
      }
      for (const [id, { untilMs }] of former) {
        if (untilMs > nowMs) break;
        former.delete(id);
      }
    },
    of: (keyId, nowMs) => {
      const known = former.get(keyId);
      return known !== undefined && known.untilMs > nowMs ? known.tunnelId : undefined;
    },
  };
}

/** Counters of peers become readings of tunnels. */
export function readings(
  snapshot: Snapshot,
  former: Pick<FormerOwners, 'of'>,
  peers: readonly (readonly [string, number, number, string])[],
  nowMs: number,
): readonly Reading[] {
  return peers.flatMap(([publicKey, rxBytes, txBytes, link]) => {
    const parsed = parseWgKey(publicKey);
    const tunnelId =
      ownerOf(snapshot, publicKey) ?? (typeof parsed === 'string' ? former.of(peerKeyId(parsed), nowMs) : undefined);
    // A key has a counter of its own on each interface.
    const counter = link === accessLinks[0] ? publicKey : `${publicKey} ${link}`;
    return tunnelId === undefined ? [] : [{ tunnelId, publicKey: counter, rxBytes, txBytes }];
  });
}

/** Handshakes by public key become sightings of tunnels; keys that no tunnel owns are nobody's. */
export function sightings(
  snapshot: Snapshot,
  peers: readonly (readonly [string, number, string])[],
  nowMs: number,
): readonly Sighting[] {
  return peers.flatMap(([publicKey, shookMs, link]) => {
    // A time to come, from before a clock was set back, would hold the tunnel here until then.
    const handshakeMs = Math.min(shookMs, nowMs);
    const tunnelId = ownerOf(snapshot, publicKey);
    return tunnelId === undefined ? [] : [{ tunnelId, handshakeMs, link }];
  });
}
