// Led pool: whose leader decides a request best. A hint, and no more: whoever decides compares the same records.

import { isRefusal } from '#internal/errors/errors.ts';
import type { AllocateRequest, ReleaseRequest } from '#internal/gen/pop44/v1/allocations_pb.ts';
import type { CreateTunnelRequest, DeleteTunnelRequest } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { type Snapshot, splitId } from '#internal/model/model.ts';
import { parsePrefix } from '#internal/netip/netip.ts';
import { findPool, findTunnel } from './find.ts';
import { type Asked, ordersOf } from './orders.ts';
import { allocatedAs } from './release.ts';

/** The first pool that is tried. Undefined: the request is refused anyhow. */
function firstTried(snapshot: Snapshot, asked: Asked): string | undefined {
  const orders = ordersOf(snapshot, asked);
  return isRefusal(orders) ? undefined : orders[0]?.pools[0]?.record.id;
}

export function ledForCreateTunnel(snapshot: Snapshot, request: CreateTunnelRequest): string | undefined {
  const { pools, wishes, owner, homePopId, popIds } = request;
  return firstTried(snapshot, { pools, wishes, owner, homePopId: homePopId || popIds[0] || '', forTunnel: true });
}

export function ledForAllocate(snapshot: Snapshot, { wishes, owner, homePopId }: AllocateRequest): string | undefined {
  return firstTried(snapshot, { wishes, owner, homePopId, forTunnel: false });
}

export function ledForRelease(snapshot: Snapshot, { prefixes, pool }: ReleaseRequest): string | undefined {
  if (pool !== '') {
    const named = findPool(snapshot, pool);
    return isRefusal(named) ? undefined : named.record.id;
  }
  const prefix = parsePrefix(prefixes[0] ?? '');
  if (typeof prefix !== 'string') return undefined;
  return splitId(allocatedAs(snapshot, prefix)[0]?.id ?? '')?.poolId;
}

export function ledForDeleteTunnel(snapshot: Snapshot, { tunnel }: DeleteTunnelRequest): string | undefined {
  const stored = findTunnel(snapshot, tunnel);
  return isRefusal(stored) ? undefined : stored.record.prefixes[0]?.poolId;
}
