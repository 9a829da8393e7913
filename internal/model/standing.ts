// Standing: which records may be acted on. Whatever is written into etcd by hand, no two tunnels of a realm ever hold
// overlapping prefixes here, since every rule below leaves at most one holder of an address: pools of a realm that stand
// are disjoint or delegated out of each other, slabs lie at fixed places in a pool, units at fixed places in a slab, a
// unit's key names one holder, and what is delegated, in quarantine or held without a tunnel is no tunnel's.

import type { Allocation, Slab, Tunnel, TunnelPrefix } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { contains, type Prefix, parsePrefix, parseWgKey, prefixLength, supernet } from '#internal/netip/netip.ts';
import { allocationId, peerKeyId, slabId } from './ids.ts';
import type { Stored } from './record.ts';
import type { Snapshot } from './snapshot.ts';
import { standingPool } from './standing-pools.ts';

/** The slab's record, delegated or not, when it agrees with its key and lies in a pool that stands. */
export function slabStands(snapshot: Snapshot, pool: string, slab: Prefix): Stored<Slab> | undefined {
  const around = standingPool(snapshot, pool);
  if (around === undefined || prefixLength(slab) !== around.slabLength) return undefined;
  if (!contains(around.prefix, slab)) return undefined;
  const stored = snapshot.slabs.get(slabId(pool, slab));
  return stored?.record.poolId === pool && stored.record.prefix === slab ? stored : undefined;
}

/**
 * The prefixes of a tunnel of this snapshot that its allocations really back, sorted, with the home that their slab
 * has now. Empty for a record that is not the snapshot's own. O(prefixes).
 */
export function standingPrefixes(snapshot: Snapshot, tunnel: Tunnel): readonly TunnelPrefix[] {
  if (snapshot.tunnels.get(tunnel.id)?.record !== tunnel) return [];
  const backed = new Map<string, TunnelPrefix>();
  for (const claim of tunnel.prefixes) {
    const home = homeOf(snapshot, tunnel, claim);
    if (home !== undefined) backed.set(claim.prefix, home === claim.homePopId ? claim : { ...claim, homePopId: home });
  }
  return [...backed.values()].sort((a, b) => (a.prefix < b.prefix ? -1 : 1));
}

function homeOf(snapshot: Snapshot, tunnel: Tunnel, claim: TunnelPrefix): string | undefined {
  const prefix = parsePrefix(claim.prefix);
  // An unreadable answer is an object; another spelling of the prefix would be a second holder of the same address.
  if (prefix !== claim.prefix) return undefined;
  const unit = prefix as Prefix;
  const pool = standingPool(snapshot, claim.poolId);
  if (pool === undefined || pool.pool.realmId !== claim.realmId) return undefined;
  if (prefixLength(unit) < pool.slabLength) return undefined;
  const slab = slabStands(snapshot, claim.poolId, supernet(unit, pool.slabLength))?.record;
  if (slab?.unitLength !== prefixLength(unit) || slab.delegatedPoolId !== '') return undefined;
  const allocation = snapshot.allocations.get(allocationId(claim.poolId, unit))?.record;
  return allocation !== undefined &&
    allocation.tunnelId === tunnel.id &&
    allocation.poolId === claim.poolId &&
    allocation.prefix === unit &&
    holderOf(allocation) === 'tunnel'
    ? slab.homePopId
    : undefined;
}

/** What an allocation is, whatever its fields say together: a contradiction is nothing that a tunnel may use. */
export type Holder = 'tunnel' | 'owner' | 'delegation' | 'quarantine';
export function holderOf(allocation: Allocation): Holder {
  if (allocation.quarantinedUntil !== undefined) return 'quarantine';
  if (allocation.delegatedPoolId !== '') return 'delegation';
  return allocation.tunnelId === '' ? 'owner' : 'tunnel';
}

/**
 * The tunnel's public key (or the one that is asked about) is well-formed and its own: of two records with one key at
 * most one holds it.
 */
export function ownsKey(snapshot: Snapshot, tunnel: Tunnel, publicKey = tunnel.publicKey): boolean {
  if (snapshot.tunnels.get(tunnel.id)?.record !== tunnel) return false;
  const key = parseWgKey(publicKey);
  return typeof key === 'string' && snapshot.peerkeys.get(peerKeyId(key))?.record.tunnelId === tunnel.id;
}
