// Rotate key: a tunnel's next key is registered beside its current one and takes over with its first handshake, which the
// client decides by using its new file. Until then the old file works; from then on only the new one does.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Tunnel, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type RotateTunnelKeyRequest,
  type RotateTunnelKeyResponse,
  RotateTunnelKeyResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { ownsKey, peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { keyField } from './fields.ts';
import { claimKey, releaseKey } from './peer-key.ts';
import { freeKey } from './tunnel-fields.ts';
import { tunnelToChange } from './tunnel-to-change.ts';
import { toTunnel } from './view.ts';

/**
 * A second rotation does not replace an open one: the first one's file may be in use the next moment, and would then
 * have no peer.
 */
export function rotationOpen(tunnel: Tunnel): Refusal | undefined {
  if (tunnel.nextPublicKey === '') return undefined;
  return refuse('rotation-open', {
    field: 'tunnel',
    value: tunnel.name,
    problem: 'has a next key already, which has not shaken hands yet',
    cure: 'use its file, or pop44 tunnel rotate-key NAME --cancel',
  });
}

/**
 * Registers the next key, or with `cancel` gives it back. Refuses `not-found`, `stale-etag`, `required`, `invalid`,
 * `duplicate-key`, `rotation-open`.
 */
export function rotateKey(
  snapshot: Snapshot,
  request: RotateTunnelKeyRequest,
  _context: CommandContext,
): Refusal | Decided<RotateTunnelKeyResponse> {
  const stored = tunnelToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  const tunnel = clone(TunnelSchema, stored.record);
  const draft = new Draft();
  draft.read('tunnel', tunnel.id, stored);
  draft.write({ op: 'put', kind: 'tunnel', id: tunnel.id, record: tunnel });
  if (request.cancel) {
    if (request.nextPublicKey !== '') {
      const about = { field: 'next_public_key', value: request.nextPublicKey, problem: 'stands beside cancel' };
      return refuse('invalid', { ...about, cure: 'one of both' });
    }
    if (tunnel.nextPublicKey === '') {
      const about = { field: 'cancel', value: request.tunnel, problem: 'has no open rotation' };
      return refuse('invalid', { ...about, cure: 'a tunnel that has a next key, as tunnel get shows it' });
    }
    releaseKey(snapshot, stored.record, draft, tunnel.nextPublicKey);
    tunnel.nextPublicKey = '';
  } else {
    const key = keyField('next_public_key', request.nextPublicKey);
    if (isRefusal(key)) return key;
    const refusal = rotationOpen(tunnel) ?? freeKey(snapshot, key, 'next_public_key');
    if (refusal !== undefined) return refusal;
    claimKey(tunnel.id, key, draft);
    tunnel.nextPublicKey = key;
  }
  const response = create(RotateTunnelKeyResponseSchema, { tunnel: toTunnel(snapshot, { record: tunnel }) });
  return { decision: draft.decision(), response };
}

/**
 * The key has shaken hands: it is the tunnel's from now on, and the old one nobody's. Undefined when it is no tunnel's
 * next key (any more).
 */
export function promoteKey(snapshot: Snapshot, publicKey: string): Decision | undefined {
  const key = parseWgKey(publicKey);
  if (typeof key !== 'string') return undefined;
  const claim = snapshot.peerkeys.get(peerKeyId(key));
  const stored = snapshot.tunnels.get(claim?.record.tunnelId ?? '');
  if (stored?.record.nextPublicKey !== key || !ownsKey(snapshot, stored.record, key)) return undefined;
  const tunnel = clone(TunnelSchema, stored.record);
  const draft = new Draft();
  draft.read('tunnel', tunnel.id, stored);
  draft.write({ op: 'put', kind: 'tunnel', id: tunnel.id, record: tunnel });
  draft.read('peerkey', peerKeyId(key), claim);
  releaseKey(snapshot, stored.record, draft);
  tunnel.publicKey = key;
  tunnel.nextPublicKey = '';
  return draft.decision();
}
