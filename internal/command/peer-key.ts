// Peer key: giving back a tunnel's claim on its public key.

import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ownsKey, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import type { Draft } from './draft.ts';

/** Has the draft give the key back; not when another tunnel holds the claim. */
export function releaseKey(snapshot: Snapshot, tunnel: Tunnel, draft: Draft): void {
  const key = parseWgKey(tunnel.publicKey);
  if (typeof key !== 'string' || !ownsKey(snapshot, tunnel)) return;
  const id = peerKeyId(key);
  draft.read('peerkey', id, snapshot.peerkeys.get(id));
  draft.write({ op: 'delete', kind: 'peerkey', id });
}
