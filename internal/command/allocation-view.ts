// Allocation view: an allocation as the API shows it.

import { create } from '@bufbuild/protobuf';
import type * as store from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Allocation, AllocationSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { type Snapshot, slabId, slabLengthOfPool } from '#internal/model/model.ts';
import { parsePrefix, prefixLength, supernet } from '#internal/netip/netip.ts';

/** As toTunnel: its etag is empty until it is committed. @param homePopId where its slab is being cut */
export function toAllocation(
  snapshot: Snapshot,
  allocation: { readonly record: store.Allocation; readonly revision?: bigint },
  homePopId = homeOf(snapshot, allocation.record),
): Allocation {
  const { record, revision } = allocation;
  return create(AllocationSchema, {
    prefix: record.prefix,
    poolId: record.poolId,
    realmId: snapshot.pools.get(record.poolId)?.record.realmId ?? '',
    owner: record.owner,
    tunnelId: record.tunnelId,
    homePopId,
    delegatedPoolId: record.delegatedPoolId,
    etag: revision === undefined ? '' : String(revision),
    ...(record.createdAt && { createdAt: record.createdAt }),
    ...(record.quarantinedUntil && { quarantinedUntil: record.quarantinedUntil }),
  });
}

function homeOf(snapshot: Snapshot, { poolId, prefix: text }: store.Allocation): string {
  const prefix = parsePrefix(text);
  const length = slabLengthOfPool(poolId);
  if (typeof prefix !== 'string' || length === undefined || prefixLength(prefix) < length) return '';
  return snapshot.slabs.get(slabId(poolId, supernet(prefix, length)))?.record.homePopId ?? '';
}
