// Check pools: whether pools, what is cut from them and who holds how much say what they can say.

import type {
  Allocation,
  Pool,
  Quota,
  Reservation,
  Slab,
  TunnelPrefix,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { growthLimit, reservationId, slabLengthOfPool } from '#internal/model/model.ts';
import {
  addressBits,
  contains,
  familyOf,
  firstHex,
  type Prefix,
  parsePrefix,
  prefixLength,
} from '#internal/netip/netip.ts';
import { id, optional, otherPool, owner, type Problem, range, text, time, when } from './check-fields.ts';

// 30 days: as long as commands let it be.
const longestQuarantineSeconds = 2_592_000;

/** Canonical, and where a pool of this id can have grown to. */
function prefixWithin(poolId: string, text: string): Prefix | undefined {
  const limit = growthLimit(poolId);
  const prefix = parsePrefix(text);
  return limit !== undefined && prefix === text && contains(limit, prefix) ? prefix : undefined;
}

export function pool(record: Pool, itsId: string): Problem {
  const prefix = prefixWithin(itsId, record.prefix);
  if (prefix === undefined) return 'prefix is not one that the pool of this key can have';
  return (
    id('realm_id', record.realmId) ??
    text('description', record.description) ??
    when(record.slabLength !== slabLengthOfPool(itsId), 'slab_length is not the one that follows from the id') ??
    when(record.slabLength < prefixLength(prefix), 'prefix is smaller than a slab') ??
    time('created_at', record.createdAt) ??
    optional(record.parentPoolId, () => otherPool('parent_pool_id', record.parentPoolId, itsId)) ??
    optional(record.homePopId, () => id('home_pop_id', record.homePopId)) ??
    range('quarantine_seconds', record.quarantineSeconds ?? 0, 0, longestQuarantineSeconds) ??
    optional(record.drainToPoolId, () => otherPool('drain_to_pool_id', record.drainToPoolId, itsId))
  );
}

/** A slab's or an allocation's prefix: where its pool can have grown to, and as the key spells it. */
function cutPrefix(record: { readonly poolId: string; readonly prefix: string }, itsId: string): Prefix | undefined {
  const prefix = prefixWithin(record.poolId, record.prefix);
  return prefix !== undefined && itsId === `${record.poolId}/${firstHex(prefix)}` ? prefix : undefined;
}

const misplaced: Problem = 'prefix is not the one that the key spells';

export function slab(record: Slab, itsId: string): Problem {
  const prefix = cutPrefix(record, itsId);
  if (prefix === undefined) return misplaced;
  return (
    range('unit_length', record.unitLength, prefixLength(prefix), addressBits(familyOf(prefix))) ??
    id('home_pop_id', record.homePopId) ??
    delegated(record)
  );
}

const delegated = ({ poolId, delegatedPoolId }: Slab | Allocation): Problem =>
  optional(delegatedPoolId, () => otherPool('delegated_pool_id', delegatedPoolId, poolId));

export function allocation(record: Allocation, itsId: string): Problem {
  if (cutPrefix(record, itsId) === undefined) return misplaced;
  const states = [record.tunnelId !== '', record.delegatedPoolId !== '', record.quarantinedUntil !== undefined];
  return (
    when(states.filter(Boolean).length > 1, 'more than one of tunnel_id delegated_pool_id quarantined_until') ??
    optional(record.tunnelId, () => id('tunnel_id', record.tunnelId)) ??
    text('owner', record.owner) ??
    time('created_at', record.createdAt) ??
    delegated(record) ??
    time('quarantined_until', record.quarantinedUntil)
  );
}

export function tunnelPrefix(part: TunnelPrefix): Problem {
  if (prefixWithin(part.poolId, part.prefix) === undefined) return 'prefixes: one is not of its pool';
  return id('prefixes.realm_id', part.realmId) ?? id('prefixes.home_pop_id', part.homePopId);
}

export function reservation(record: Reservation, itsId: string): Problem {
  const prefix = prefixWithin(record.poolId, record.prefix);
  if (prefix === undefined || itsId !== reservationId(record.poolId, prefix)) return misplaced;
  return (
    optional(record.owner, () => owner('owner', record.owner)) ??
    text('description', record.description) ??
    time('created_at', record.createdAt)
  );
}

export const quota = (record: Quota, itsId: string): Problem =>
  when(record.owner !== itsId, 'owner is not the one of the key') ?? owner('owner', record.owner);
