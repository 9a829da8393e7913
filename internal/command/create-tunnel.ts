// Create tunnel: the tunnel, the claim on its key and its addresses, all or nothing.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateTunnelRequest,
  type CreateTunnelResponse,
  CreateTunnelResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { choices, take } from './allocation.ts';
import { type CommandContext, type Decided, notReady } from './context.ts';
import { Draft } from './draft.ts';
import { Form, keyField, nameField, ownerField } from './fields.ts';
import { firewallField } from './firewall-fields.ts';
import { claimKey } from './peer-key.ts';
import { placement } from './placement.ts';
import { ratesField } from './rates.ts';
import { hasKeys, nodesOfPops, sealedField } from './sealed.ts';
import { defaultKeepaliveSeconds, defaultMtu, freeKey, freeName, keepaliveField, mtuField } from './tunnel-fields.ts';
import { toTunnel } from './view.ts';

/**
 * Refuses `required`, `invalid`, `already-exists` (name), `duplicate-key`, `not-found` and `not-ready` (PoP), and what `choices` and
 * `take` refuse. O(PoPs + log of what exists), whatever the number of tunnels.
 */
export function createTunnel(
  snapshot: Snapshot,
  request: CreateTunnelRequest,
  context: CommandContext,
): Refusal | Decided<CreateTunnelResponse> {
  // 48 bits: short enough for a person to copy; a second tunnel of that id would fail its compare and be decided anew.
  const id = context.newId().slice(0, 12);
  const name = request.name === '' ? id : request.name;
  const owner = request.owner === '' ? context.principal : request.owner;
  const mtu = request.mtu === 0 ? defaultMtu : request.mtu;
  const keepaliveSeconds = request.keepaliveSeconds ?? defaultKeepaliveSeconds;
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(nameField('tunnel.name', name));
  form.check(ownerField('tunnel.owner', owner));
  const key = form.take(keyField('tunnel.public_key', request.publicKey));
  form.check(mtuField(mtu));
  form.check(keepaliveField(keepaliveSeconds));
  const firewall = firewallField(request.firewall);
  if (isRefusal(firewall)) return form.refusal ?? firewall;
  if (form.refusal !== undefined) return form.refusal;
  const popIds = placement(snapshot, request, context);
  if (isRefusal(popIds)) return popIds;
  const sealed = request.sealedPresharedKey;
  const unsealed = hasKeys(sealed)
    ? sealedField('tunnel.sealed_preshared_key', sealed, nodesOfPops(snapshot, popIds))
    : undefined;
  const refusal =
    ratesField(snapshot, request, popIds) ?? unsealed ?? freeName(snapshot, owner, name) ?? freeKey(snapshot, key);
  if (refusal !== undefined) return refusal;
  const homePopId = popIds[0] ?? '';
  const asked = { pools: request.pools, wishes: request.wishes, owner, homePopId, forTunnel: true };
  const given = choices(snapshot, asked, context);
  if (isRefusal(given)) return given;

  const tunnel = create(TunnelSchema, {
    id,
    name,
    owner,
    publicKey: key,
    enabled: true,
    placement: { popIds: [...popIds] },
    prefixes: given.map(({ pool, choice }) => ({
      prefix: choice.prefix,
      poolId: pool.record.id,
      realmId: pool.record.realmId,
      homePopId: choice.slab.homePopId,
    })),
    realmIds: [...new Set(given.map(({ pool }) => pool.record.realmId))].sort(),
    mtu,
    keepaliveSeconds,
    rateUpBitPerSecond: request.rateUpBitPerSecond,
    rateDownBitPerSecond: request.rateDownBitPerSecond,
    sealedPresharedKey: sealed,
    createdAt: timestampFromDate(context.now),
    ...(firewall && { firewall }),
  });
  const draft = new Draft();
  draft.read('tunnel', id, undefined);
  draft.write({ op: 'put', kind: 'tunnel', id, record: tunnel });
  claimKey(id, key, draft);
  for (const popId of popIds) draft.read('pop', popId, snapshot.pops.get(popId));
  const holder = { owner, tunnelId: id, now: context.now, field: 'tunnel.owner', newTunnel: true } as const;
  const taken = take(snapshot, draft, given, holder);
  if (isRefusal(taken)) return taken;
  return {
    decision: draft.decision(),
    response: create(CreateTunnelResponseSchema, { tunnel: toTunnel(snapshot, { record: tunnel }) }),
  };
}
