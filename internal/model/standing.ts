// Standing: which records may be acted on. Whatever is written into etcd by hand, no two tunnels of a realm ever hold
// overlapping prefixes here, since every rule below leaves at most one holder of an address:
// pools of a realm that stand are disjoint, slabs lie at fixed places in a pool, units at fixed places in a slab, and
// a unit's key names one tunnel.

import type { Pool, Slab, Tunnel, TunnelPrefix } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  contains,
  overlaps,
  type Prefix,
  parsePrefix,
  parseWgKey,
  prefixLength,
  supernet,
} from '#internal/netip/netip.ts';
import { allocationId, parsePoolId, peerKeyId, slabId, slabLengthOf } from './ids.ts';
import type { Stored } from './record.ts';
import type { Snapshot } from './snapshot.ts';

/** The record says of itself what its key says. */
function coherentPool(id: string, pool: Pool): Prefix | undefined {
  const prefix = parsePoolId(id);
  const agrees = pool.id === id && pool.prefix === prefix && pool.slabLength === slabLengthOf(prefix);
  return agrees ? prefix : undefined;
}

// By its time of creation, which (other than the mod revision) an update leaves as it is; a record without one, as
// only a hand writes it, is the youngest. The id makes it a total order.
function older(a: Pool, b: Pool): boolean {
  const [first, second] = [a.createdAt, b.createdAt];
  const youngest = 1n << 63n;
  const seconds = (first?.seconds ?? youngest) - (second?.seconds ?? youngest);
  if (seconds !== 0n) return seconds < 0n;
  const nanos = (first?.nanos ?? 0) - (second?.nanos ?? 0);
  return nanos !== 0 ? nanos < 0 : a.id < b.id;
}

function poolsThatStand(pools: Snapshot['pools']): ReadonlyMap<string, Prefix> {
  const coherent: { readonly pool: Pool; readonly prefix: Prefix }[] = [];
  for (const [id, { record }] of pools) {
    const prefix = coherentPool(id, record);
    if (prefix !== undefined) coherent.push({ pool: record, prefix });
  }
  coherent.sort((a, b) => (older(a.pool, b.pool) ? -1 : 1));
  const standing = new Map<string, Prefix>();
  for (const [age, { pool, prefix }] of coherent.entries()) {
    const loses = coherent
      .slice(0, age)
      .some((elder) => elder.pool.realmId === pool.realmId && overlaps(elder.prefix, prefix));
    if (!loses) standing.set(pool.id, prefix);
  }
  return standing;
}

// Pools change seldom and are asked about for every prefix of every tunnel; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['pools'], ReadonlyMap<string, Prefix>>();

/** Prefix by id, the oldest first, of every pool whose record agrees with its key and that no older one of its realm overlaps. */
export function standingPools(snapshot: Snapshot): ReadonlyMap<string, Prefix> {
  const known = remembered.get(snapshot.pools);
  if (known !== undefined) return known;
  const computed = poolsThatStand(snapshot.pools);
  remembered.set(snapshot.pools, computed);
  return computed;
}

/** The slab's record when it agrees with its key and lies in a pool that stands. */
export function slabStands(snapshot: Snapshot, pool: string, slab: Prefix): Stored<Slab> | undefined {
  const around = standingPools(snapshot).get(pool);
  if (around === undefined || !contains(around, slab) || prefixLength(slab) !== slabLengthOf(around)) return undefined;
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
  const pool = standingPools(snapshot).get(claim.poolId);
  if (pool === undefined || snapshot.pools.get(claim.poolId)?.record.realmId !== claim.realmId) return undefined;
  if (prefixLength(unit) < slabLengthOf(pool)) return undefined;
  const slab = slabStands(snapshot, claim.poolId, supernet(unit, slabLengthOf(pool)))?.record;
  if (slab?.unitLength !== prefixLength(unit)) return undefined;
  const allocation = snapshot.allocations.get(allocationId(claim.poolId, unit))?.record;
  const backs = allocation?.tunnelId === tunnel.id && allocation.prefix === unit;
  return backs && allocation.poolId === claim.poolId ? slab.homePopId : undefined;
}

/** The tunnel's public key is well-formed and its own: of two records with one key at most one holds it. */
export function ownsKey(snapshot: Snapshot, tunnel: Tunnel): boolean {
  if (snapshot.tunnels.get(tunnel.id)?.record !== tunnel) return false;
  const key = parseWgKey(tunnel.publicKey);
  return typeof key === 'string' && snapshot.peerkeys.get(peerKeyId(key))?.record.tunnelId === tunnel.id;
}
