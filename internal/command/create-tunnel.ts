// Create tunnel: the tunnel, the claim on its key and its addresses, all or nothing.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { AllocationSchema, PeerKeySchema, type Tunnel, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateTunnelRequest,
  type CreateTunnelResponse,
  CreateTunnelResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { peerKeyId, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Decision, Write } from '#internal/model/record.ts';
import type { WgKey } from '#internal/netip/netip.ts';
import { allocate, type Given } from './allocation.ts';
import { type CommandContext, type Decided, notReady, unchanged } from './context.ts';
import { Form, keyField, nameField, ownerField } from './fields.ts';
import { placement } from './placement.ts';
import { defaultKeepaliveSeconds, defaultMtu, freeKey, freeName, keepaliveField, mtuField } from './tunnel-fields.ts';
import { toTunnel } from './view.ts';

/**
 * Refuses `required`, `invalid`, `already-exists` (name), `duplicate-key`, `not-found` (PoP, pool), `no-pool`,
 * `frozen`, `overlap` (of pools), `pool-exhausted`. O(PoPs + log of what exists), whatever the number of tunnels.
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
  if (form.refusal !== undefined) return form.refusal;
  const popIds = placement(snapshot, request, context);
  if (isRefusal(popIds)) return popIds;
  const refusal = freeName(snapshot, owner, name) ?? freeKey(snapshot, key);
  if (refusal !== undefined) return refusal;
  const given = allocate(snapshot, request.pools, popIds[0] ?? '', context);
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
    createdAt: timestampFromDate(context.now),
  });
  return {
    decision: decisionOf(snapshot, tunnel, key, given),
    response: create(CreateTunnelResponseSchema, { tunnel: toTunnel({ record: tunnel }) }),
  };
}

function decisionOf(snapshot: Snapshot, tunnel: Tunnel, key: WgKey, given: readonly Given[]): Decision {
  const keyId = peerKeyId(key);
  const compares: Compare[] = [unchanged('tunnel', tunnel.id, undefined), unchanged('peerkey', keyId, undefined)];
  const writes: Write[] = [
    { op: 'put', kind: 'tunnel', id: tunnel.id, record: tunnel },
    { op: 'put', kind: 'peerkey', id: keyId, record: create(PeerKeySchema, { publicKey: key, tunnelId: tunnel.id }) },
  ];
  for (const id of tunnel.placement?.popIds ?? []) compares.push(unchanged('pop', id, snapshot.pops.get(id)));
  for (const { pool, choice } of given) {
    compares.push(unchanged('pool', pool.record.id, pool));
    // With the slab as it was and the key absent nothing can overlap: all of a slab's units are of one size.
    compares.push({ kind: 'slab', id: choice.slabId, revision: choice.slabRevision });
    compares.push(unchanged('allocation', choice.allocationId, undefined));
    if (choice.slabRevision === 0n) writes.push({ op: 'put', kind: 'slab', id: choice.slabId, record: choice.slab });
    const allocation = create(AllocationSchema, {
      poolId: pool.record.id,
      prefix: choice.prefix,
      tunnelId: tunnel.id,
      owner: tunnel.owner,
      ...(tunnel.createdAt && { createdAt: tunnel.createdAt }),
    });
    writes.push({ op: 'put', kind: 'allocation', id: choice.allocationId, record: allocation });
  }
  return { compares, writes };
}
