// Pool contents: what lies in a pool, and the lines in which a refusal names what is in the way.

import { timestampDate } from '@bufbuild/protobuf/wkt';
import type { Allocation, Pool, Reservation, Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { parsePoolId, type Snapshot, splitId } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { addressBits, familyOf, type Prefix, parsePrefix, prefixFromHex } from '#internal/netip/netip.ts';

export interface Content<T> {
  readonly id: string;
  readonly stored: Stored<T>;
  /** What the record says; the first address that the key spells where that is no prefix. */
  readonly prefix: Prefix;
}

export interface PoolContents {
  /** By first address. */
  readonly allocations: readonly Content<Allocation>[];
  readonly slabs: readonly Content<Slab>[];
  readonly reservations: readonly Content<Reservation>[];
  /** Pools that were delegated out of it, by id. */
  readonly delegations: readonly Stored<Pool>[];
}

/**
 * Standing or not. O(every slab, reservation and pool), and O(every allocation) where the pool has any: for commands
 * that an admin gives now and then.
 */
export function poolContents(snapshot: Snapshot, poolId: string): PoolContents {
  const use = snapshot.poolUse.get(poolId);
  const allocations = use !== undefined && use.allocations + use.quarantined > 0 ? snapshot.allocations : [];
  return {
    allocations: under(poolId, allocations),
    slabs: under(poolId, use?.slabs ? snapshot.slabs : []),
    reservations: under(poolId, snapshot.reservations),
    delegations: [...snapshot.pools.values()]
      .filter(({ record }) => record.parentPoolId === poolId)
      .sort((a, b) => (a.record.id < b.record.id ? -1 : 1)),
  };
}

function under<T extends { readonly prefix: string }>(
  poolId: string,
  table: Iterable<readonly [string, Stored<T>]>,
): readonly Content<T>[] {
  const found: Content<T>[] = [];
  for (const [id, stored] of table) {
    if (splitId(id)?.poolId !== poolId) continue;
    const prefix = parsePrefix(stored.record.prefix);
    const spelled = typeof prefix === 'string' ? prefix : spelledBy(id);
    if (spelled !== undefined) found.push({ id, stored, prefix: spelled });
  }
  // Fixed-width hexadecimal sorts as the addresses do.
  return found.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function spelledBy(id: string): Prefix | undefined {
  const parts = splitId(id);
  const pool = parts && parsePoolId(parts.poolId);
  return parts && pool && prefixFromHex(parts.hex, addressBits(familyOf(pool)));
}

const bracketed = (text: string): string => (text === '' ? '' : ` (${text})`);

/** `44.31.3.7/32 of tunnel ab12 (ada)` */
export function allocationLine({ stored: { record }, prefix }: Content<Allocation>): string {
  if (record.quarantinedUntil !== undefined) {
    return `${prefix} in quarantine until ${timestampDate(record.quarantinedUntil).toISOString()}${bracketed(record.owner)}`;
  }
  if (record.delegatedPoolId !== '') return `${prefix} delegated as pool ${record.delegatedPoolId}`;
  return record.tunnelId === ''
    ? `${prefix} held by ${record.owner}`
    : `${prefix} of tunnel ${record.tunnelId}${bracketed(record.owner)}`;
}

export function delegationLine({ record }: Stored<Pool>): string {
  return `${record.prefix} delegated to ${record.homePopId}`;
}

export function reservationLine({ stored: { record }, prefix }: Content<Reservation>): string {
  return `${prefix} reserved for ${record.owner === '' ? 'nobody' : record.owner}`;
}

/** It is one of these delegations, which has a line of its own. */
export function backs(delegations: readonly Stored<Pool>[], { stored }: Content<Allocation>): boolean {
  return delegations.some(({ record }) => record.id === stored.record.delegatedPoolId);
}

/** In quarantine: nobody uses it, its last owner may have it back. */
export const isQuarantined = ({ stored }: Content<Allocation>): boolean => stored.record.quarantinedUntil !== undefined;
