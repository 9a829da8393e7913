// Update tunnel: what may change in a tunnel's life. Its addresses and its owner may not.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type UpdateTunnelRequest,
  type UpdateTunnelResponse,
  UpdateTunnelResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { carryingPops, type Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { Form, keyField, nameField } from './fields.ts';
import { firewallField } from './firewall-fields.ts';
import { claimKey, releaseKey } from './peer-key.ts';
import { ratesField } from './rates.ts';
import { rotationOpen } from './rotate-key.ts';
import { hasKeys, nodesOfPops, sealedField } from './sealed.ts';
import { suspended } from './suspend-tunnel.ts';
import { freeKey, freeName, keepaliveField, mtuField } from './tunnel-fields.ts';
import { tunnelToChange } from './tunnel-to-change.ts';
import { toTunnel } from './view.ts';

const changeable = [
  'enabled',
  'name',
  'mtu',
  'keepaliveSeconds',
  'publicKey',
  'firewall',
  'rateUpBitPerSecond',
  'rateDownBitPerSecond',
  'sealedPresharedKey',
] as const;

/**
 * Fields that are unset stay. Refuses `required` (nothing to change), `not-found`, `stale-etag`, `invalid`,
 * `already-exists` (name), `duplicate-key`, `suspended` (enabled), `rotation-open` (public key).
 */
export function updateTunnel(
  snapshot: Snapshot,
  request: UpdateTunnelRequest,
  _context: CommandContext,
): Refusal | Decided<UpdateTunnelResponse> {
  const stored = tunnelToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  if (changeable.every((field) => request[field] === undefined)) {
    const cure = 'enabled, name, mtu, keepalive_seconds, public_key, firewall, a rate or sealed_preshared_key';
    return refuse('required', { field: 'tunnel', value: request.tunnel, problem: 'is given nothing to change', cure });
  }
  // The stored message, so that fields of a newer daemon survive.
  const tunnel = clone(TunnelSchema, stored.record);
  const draft = new Draft();
  draft.read('tunnel', tunnel.id, stored);
  draft.write({ op: 'put', kind: 'tunnel', id: tunnel.id, record: tunnel });
  const form = new Form();
  if (request.enabled === true) form.check(suspended(tunnel));
  tunnel.enabled = request.enabled ?? tunnel.enabled;
  if (request.name !== undefined && request.name !== tunnel.name) {
    form.check(nameField('tunnel.name', request.name));
    form.check(freeName(snapshot, tunnel.owner, request.name));
    tunnel.name = request.name;
  }
  if (request.mtu !== undefined) {
    form.check(mtuField(request.mtu));
    tunnel.mtu = request.mtu;
  }
  if (request.keepaliveSeconds !== undefined) {
    form.check(keepaliveField(request.keepaliveSeconds));
    tunnel.keepaliveSeconds = request.keepaliveSeconds;
  }
  const popIds = carryingPops(snapshot, tunnel.placement?.popIds ?? []);
  form.check(ratesField(snapshot, request, popIds));
  tunnel.rateUpBitPerSecond = request.rateUpBitPerSecond ?? tunnel.rateUpBitPerSecond;
  tunnel.rateDownBitPerSecond = request.rateDownBitPerSecond ?? tunnel.rateDownBitPerSecond;
  const firewall = firewallField(request.firewall);
  if (isRefusal(firewall)) return form.refusal ?? firewall;
  if (firewall !== undefined) tunnel.firewall = firewall;
  if (request.publicKey !== undefined && request.publicKey !== tunnel.publicKey) {
    const key = keyField('tunnel.public_key', request.publicKey);
    if (isRefusal(key)) return form.refusal ?? key;
    form.check(rotationOpen(tunnel));
    form.check(freeKey(snapshot, key));
    releaseKey(snapshot, stored.record, draft);
    claimKey(tunnel.id, key, draft);
    tunnel.publicKey = key;
  }
  if (request.sealedPresharedKey !== undefined) {
    const { byNode } = request.sealedPresharedKey;
    const nodes = nodesOfPops(snapshot, popIds);
    if (hasKeys(byNode)) form.check(sealedField('tunnel.sealed_preshared_key', byNode, nodes));
    tunnel.sealedPresharedKey = byNode;
  }
  if (form.refusal !== undefined) return form.refusal;
  return {
    decision: draft.decision(),
    response: create(UpdateTunnelResponseSchema, { tunnel: toTunnel(snapshot, { record: tunnel }) }),
  };
}
