// Ids: how the keys of records that are found by a prefix or a key are spelled.

import {
  familyOf,
  firstHex,
  type Prefix,
  prefixFromHex,
  prefixLength,
  supernet,
  type WgKey,
  wgKeyHex,
} from '#internal/netip/netip.ts';

/** `4-2c1f0000-22`: family, first address in hexadecimal, length. */
export function poolId(prefix: Prefix): string {
  return `${familyOf(prefix)}-${firstHex(prefix)}-${prefixLength(prefix)}`;
}

/** The prefix that a pool's id spells; undefined when it spells none, or not in the one way. */
export function parsePoolId(id: string): Prefix | undefined {
  const [, hex, length] = /^[46]-([0-9a-f]+)-([0-9]{1,3})$/.exec(id) ?? [];
  if (hex === undefined || length === undefined) return undefined;
  const prefix = prefixFromHex(hex, Number(length));
  return prefix !== undefined && poolId(prefix) === id ? prefix : undefined;
}

// What the internet takes as an announcement of its own: /24 and /48.
const shortestSlabs = { 4: 24, 6: 48 } as const;
// A /48 pool has 256 slabs of 256 /64, so that each PoP can be home to some (adr/0002).
const slabsOfIpv6Pool = 8;
const longestIpv6Slab = 64;

/** Prefix length of the slabs that a pool is cut into; the pool's own where that is longer. */
export function slabLengthOf(pool: Prefix): number {
  const family = familyOf(pool);
  const length = prefixLength(pool);
  const split = family === 4 ? length : Math.min(length + slabsOfIpv6Pool, longestIpv6Slab);
  return Math.max(shortestSlabs[family], split, length);
}

/** Prefix length of the slabs of the pool with this id, whatever it was resized to; undefined when the id spells no prefix. */
export function slabLengthOfPool(id: string): number | undefined {
  const created = parsePoolId(id);
  return created && slabLengthOf(created);
}

// The whole of what one registry gives out at once: a pool grows into the neighbourhood that it was created in.
const shortestGrowth = { 4: 8, 6: 20 } as const;
/** An IPv6 pool grows to 64 times the size that it was created with. */
const ipv6GrowthBits = 6;

// More than there are pools.
const mostLimits = 8192;
const limits = new Map<string, Prefix>();

/**
 * What the prefix of the pool with this id lies in, however often it is resized; slabs are numbered from its first
 * address. Undefined when the id spells no prefix.
 */
export function growthLimit(id: string): Prefix | undefined {
  // Remembered: each record of a pool is checked against it, at its writing and by every daemon that follows.
  const known = limits.get(id);
  if (known !== undefined) return known;
  if (limits.size >= mostLimits) limits.clear();
  const limit = limitOf(id);
  if (limit !== undefined) limits.set(id, limit);
  return limit;
}

function limitOf(id: string): Prefix | undefined {
  const created = parsePoolId(id);
  if (created === undefined) return undefined;
  const length = prefixLength(created);
  const shortest = familyOf(created) === 4 ? shortestGrowth[4] : Math.max(shortestGrowth[6], length - ipv6GrowthBits);
  return supernet(created, Math.min(length, shortest));
}

/** Of a slab and of an allocation alike: `<pool id>/<first address in fixed-width hexadecimal>`. */
const within = (pool: string, prefix: Prefix): string => `${pool}/${firstHex(prefix)}`;
export const slabId = within;
export const allocationId = within;

/** `<pool id>/<hex of first address>-<length>` */
export function reservationId(pool: string, prefix: Prefix): string {
  return `${within(pool, prefix)}-${prefixLength(prefix)}`;
}

/** The two parts of a slab's or an allocation's id; undefined when there are not two. */
export function splitId(id: string): { readonly poolId: string; readonly hex: string } | undefined {
  // By hand: every allocation of every fold is split, and an array for each cost a tenth of the fold (measured).
  const slash = id.indexOf('/');
  if (slash < 0 || id.includes('/', slash + 1)) return undefined;
  return { poolId: id.slice(0, slash), hex: id.slice(slash + 1) };
}

/** Of a blackhole of one address: its hexadecimal digits. */
export function blackholeId(prefix: Prefix): string {
  return firstHex(prefix);
}

export function peerKeyId(key: WgKey): string {
  return wgKeyHex(key);
}
