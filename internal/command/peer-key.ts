// Peer key: giving back a tunnel's claim on its public key.

import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ownsKey, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Write } from '#internal/model/record.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import { unchanged } from './context.ts';

/** Adds to both lists what gives the key back; nothing when another tunnel holds the claim. */
export function releaseKey(snapshot: Snapshot, tunnel: Tunnel, compares: Compare[], writes: Write[]): void {
  const key = parseWgKey(tunnel.publicKey);
  if (typeof key !== 'string' || !ownsKey(snapshot, tunnel)) return;
  const id = peerKeyId(key);
  compares.push(unchanged('peerkey', id, snapshot.peerkeys.get(id)));
  writes.push({ op: 'delete', kind: 'peerkey', id });
}
