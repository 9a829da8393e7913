// Peer key: a tunnel's claims on its public keys.

import { create } from '@bufbuild/protobuf';
import { PeerKeySchema, type Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ownsKey, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey, type WgKey } from '#internal/netip/netip.ts';
import type { Draft } from './draft.ts';

/** Has the draft claim a key that nobody has (freeKey says so). */
export function claimKey(tunnelId: string, key: WgKey, draft: Draft): void {
  const record = create(PeerKeySchema, { publicKey: key, tunnelId });
  draft.read('peerkey', peerKeyId(key), undefined);
  draft.write({ op: 'put', kind: 'peerkey', id: peerKeyId(key), record });
}

/** Has the draft give the key back; not when another tunnel holds the claim. */
export function releaseKey(snapshot: Snapshot, tunnel: Tunnel, draft: Draft, publicKey = tunnel.publicKey): void {
  const key = parseWgKey(publicKey);
  if (typeof key !== 'string' || !ownsKey(snapshot, tunnel, publicKey)) return;
  const id = peerKeyId(key);
  draft.read('peerkey', id, snapshot.peerkeys.get(id));
  draft.write({ op: 'delete', kind: 'peerkey', id });
}
