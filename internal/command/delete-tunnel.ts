// Delete tunnel: the tunnel, its claim on its key and its addresses go together.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import {
  type DeleteTunnelRequest,
  type DeleteTunnelResponse,
  DeleteTunnelResponseSchema,
} from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { allocationId, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Write } from '#internal/model/record.ts';
import { parsePrefix } from '#internal/netip/netip.ts';
import { type CommandContext, type Decided, unchanged } from './context.ts';
import { releaseKey } from './peer-key.ts';
import { tunnelToChange } from './tunnel-to-change.ts';

/** Refuses `not-found`, `stale-etag`. */
export function deleteTunnel(
  snapshot: Snapshot,
  request: DeleteTunnelRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteTunnelResponse> {
  const stored = tunnelToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  const tunnel = stored.record;
  const compares: Compare[] = [unchanged('tunnel', tunnel.id, stored)];
  const writes: Write[] = [{ op: 'delete', kind: 'tunnel', id: tunnel.id }];
  releaseKey(snapshot, tunnel, compares, writes);
  const ids = new Set<string>();
  for (const claim of tunnel.prefixes) {
    const prefix = parsePrefix(claim.prefix);
    if (typeof prefix === 'string') ids.add(allocationId(claim.poolId, prefix));
  }
  for (const id of ids) {
    const allocation = snapshot.allocations.get(id);
    // Another's address, whatever this tunnel's record claims.
    if (allocation?.record.tunnelId !== tunnel.id) continue;
    compares.push(unchanged('allocation', id, allocation));
    writes.push({ op: 'delete', kind: 'allocation', id });
  }
  return { decision: { compares, writes }, response: create(DeleteTunnelResponseSchema) };
}
