// Delete tunnel: the tunnel and its claim on its key go, and its addresses with them.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { DeletedTunnelSchema, type Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type DeleteTunnelRequest,
  type DeleteTunnelResponse,
  DeleteTunnelResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { allocationId, type Snapshot } from '#internal/model/model.ts';
import { parsePrefix } from '#internal/netip/netip.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { releaseKey } from './peer-key.ts';
import { quarantine, type Released } from './quarantine.ts';
import { suspended } from './suspend-tunnel.ts';
import { tunnelToChange } from './tunnel-to-change.ts';

/** Its addresses go into the quarantine of their pools, for its owner. Refuses `not-found`, `stale-etag`, `suspended`. */
export function deleteTunnel(
  snapshot: Snapshot,
  request: DeleteTunnelRequest,
  context: CommandContext,
): Refusal | Decided<DeleteTunnelResponse> {
  const stored = tunnelToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  const tunnel = stored.record;
  // With it the owner would have its addresses back, in a tunnel that nobody has suspended.
  const refusal = suspended(tunnel);
  if (refusal !== undefined) return refusal;
  const draft = new Draft();
  draft.read('tunnel', tunnel.id, stored);
  draft.write({ op: 'delete', kind: 'tunnel', id: tunnel.id });
  releaseKey(snapshot, tunnel, draft);
  releaseKey(snapshot, tunnel, draft, tunnel.nextPublicKey);
  const released = new Map<string, Released>();
  for (const id of allocationIds(tunnel)) {
    const allocation = snapshot.allocations.get(id);
    // Another's address, whatever this tunnel's record claims.
    if (allocation?.record.tunnelId === tunnel.id) released.set(id, { id, allocation });
  }
  quarantine(snapshot, draft, [...released.values()], context.now);
  const deleted = [create(DeletedTunnelSchema, { tunnel, at: timestampFromDate(context.now) })];
  return { decision: { ...draft.decision(), deleted }, response: create(DeleteTunnelResponseSchema) };
}

/** As its record claims. */
export function allocationIds(tunnel: Tunnel): readonly string[] {
  return tunnel.prefixes.flatMap((claim) => {
    const prefix = parsePrefix(claim.prefix);
    return typeof prefix === 'string' ? [allocationId(claim.poolId, prefix)] : [];
  });
}
