// Owners: what WireGuard says of peers, as what it means for the tunnels whose keys they have.

import { peerKeyId, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import type { Sighting } from '#internal/presence/presence.ts';
import type { Reading } from '#internal/traffic/traffic.ts';

/** The tunnel whose key it is; undefined: nobody's. */
function ownerOf(snapshot: Snapshot, publicKey: string): string | undefined {
  const parsed = parseWgKey(publicKey);
  return typeof parsed === 'string' ? snapshot.peerkeys.get(peerKeyId(parsed))?.record.tunnelId : undefined;
}

/** Counters of peers become readings of tunnels. */
export function readings(
  snapshot: Snapshot,
  peers: readonly (readonly [string, number, number])[],
): readonly Reading[] {
  return peers.flatMap(([publicKey, rxBytes, txBytes]) => {
    const tunnelId = ownerOf(snapshot, publicKey);
    return tunnelId === undefined ? [] : [{ tunnelId, publicKey, rxBytes, txBytes }];
  });
}

/** Handshakes by public key become sightings of tunnels; keys that no tunnel owns are nobody's. */
export function sightings(
  snapshot: Snapshot,
  peers: readonly (readonly [string, number])[],
  nowMs: number,
): readonly Sighting[] {
  return peers.flatMap(([publicKey, shookMs]) => {
    // A time to come, from before a clock was set back, would hold the tunnel here until then.
    const handshakeMs = Math.min(shookMs, nowMs);
    const tunnelId = ownerOf(snapshot, publicKey);
    return tunnelId === undefined ? [] : [{ tunnelId, handshakeMs }];
  });
}
