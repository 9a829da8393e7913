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
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { findTunnel } from './find.ts';
import { releaseKey } from './peer-key.ts';

/** Refuses `not-found`, `stale-etag`. */
export function deleteTunnel(
  snapshot: Snapshot,
  request: DeleteTunnelRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteTunnelResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = findTunnel(snapshot, request.tunnel);
  if (isRefusal(stored)) return stored;
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
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
