// Pools: roots do not overlap, delegations stand on what their parents gave to them alone, and tunnels and allocations
// name each other.

import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  addressBits,
  contains,
  familyOf,
  firstHex,
  overlaps,
  type Prefix,
  prefixLength,
} from '#internal/netip/netip.ts';
import type { Court } from './invariant.ts';
import { poolOf, prefixOf } from './places.ts';
import type { Judge, State } from './replay.ts';
import type { Transaction } from './transactions.ts';

export function judgePools(court: Court): Judge {
  /** Pools whose ground moves in the transaction that comes. */
  let touched = new Set<string>();
  const ground = (state: State, { records }: Transaction): readonly string[] =>
    records.flatMap(({ kind, id }) => {
      if (kind === 'pool') return [id];
      if (kind !== 'slab' && kind !== 'allocation') return [];
      const delegated = state.of(kind).get(id)?.record.delegatedPoolId ?? '';
      return delegated === '' ? [] : [delegated];
    });
  return {
    before(state, transaction) {
      touched = new Set(ground(state, transaction));
    },
    after(state, transaction) {
      const { records, revision } = transaction;
      for (const id of new Set([...touched, ...ground(state, transaction)])) {
        const pool = state.of('pool').get(id)?.record;
        if (pool === undefined) gone(court, state, id, revision);
        else stands(court, state, pool, revision);
      }
      for (const { kind, id } of records) {
        if (kind === 'tunnel') tunnelBacked(court, state, id, revision);
        if (kind === 'allocation') tunnelNames(court, state, id, revision);
      }
    },
    end(state) {
      for (const { record } of state.of('pool').values()) stands(court, state, record, state.revision);
      for (const id of state.of('tunnel').keys()) tunnelBacked(court, state, id, state.revision);
      for (const id of state.of('allocation').keys()) tunnelNames(court, state, id, state.revision);
    },
  };
}

/** Only asked where a pool went, which is seldom: O(allocations). */
function gone(court: Court, state: State, id: string, revision: bigint): void {
  const left = [...state.of('allocation').keys(), ...state.of('slab').keys()].find((key) => poolOf(key) === id);
  court.check('in-pool', left === undefined, () => `revision ${revision}: pool ${id} is gone, ${left} is not`);
}

function stands(court: Court, state: State, pool: Pool, revision: bigint): void {
  const prefix = prefixOf(pool.prefix);
  if (prefix === undefined) {
    court.check('in-pool', false, () => `revision ${revision}: pool ${pool.id} has no prefix`);
    return;
  }
  if (pool.parentPoolId !== '') {
    const problem = unbacked(state, pool, prefix);
    court.check('delegation', problem === undefined, () => `revision ${revision}: ${pool.id}: ${problem}`);
    return;
  }
  const other = [...state.of('pool').values()].find(({ record }) => {
    const its = prefixOf(record.prefix);
    const root = record.parentPoolId === '' && record.id !== pool.id && record.realmId === pool.realmId;
    return root && its !== undefined && overlaps(its, prefix);
  });
  court.check('no-overlap', other === undefined, () => `revision ${revision}: pools ${pool.id}, ${other?.record.id}`);
}

function unbacked(state: State, pool: Pool, prefix: Prefix): string | undefined {
  const parent = state.of('pool').get(pool.parentPoolId)?.record;
  const around = parent && prefixOf(parent.prefix);
  if (parent === undefined || around === undefined) return `no parent ${pool.parentPoolId}`;
  if (!contains(around, prefix)) return `outside its parent ${around}`;
  const blocks = prefixLength(prefix) > parent.slabLength ? state.of('allocation') : state.of('slab');
  let addresses = 0n;
  for (const [id, { record }] of blocks) {
    if (record.delegatedPoolId !== pool.id || poolOf(id) !== parent.id) continue;
    const block = prefixOf(record.prefix);
    if (block === undefined || !contains(prefix, block)) return `${id} is delegated to it and lies outside`;
    addresses += sizeOf(block);
  }
  return addresses === sizeOf(prefix) ? undefined : `its parent gave it ${addresses} of ${sizeOf(prefix)} addresses`;
}

const sizeOf = (prefix: Prefix): bigint => 1n << BigInt(addressBits(familyOf(prefix)) - prefixLength(prefix));

function tunnelBacked(court: Court, state: State, id: string, revision: bigint): void {
  for (const { poolId, prefix } of state.of('tunnel').get(id)?.record.prefixes ?? []) {
    const claimed = prefixOf(prefix);
    const key = claimed === undefined ? '' : `${poolId}/${firstHex(claimed)}`;
    const record = state.of('allocation').get(key)?.record;
    const backed = record?.prefix === prefix && record.tunnelId === id;
    court.check('tunnel', backed, () => `revision ${revision}: tunnel ${id} says ${prefix}, which names another`);
  }
}

function tunnelNames(court: Court, state: State, id: string, revision: bigint): void {
  const record = state.of('allocation').get(id)?.record;
  if (record === undefined || record.tunnelId === '' || record.quarantinedUntil !== undefined) return;
  const named = state
    .of('tunnel')
    .get(record.tunnelId)
    ?.record.prefixes.some(({ prefix }) => prefix === record.prefix);
  court.check('tunnel', named === true, () => `revision ${revision}: ${id} names tunnel ${record.tunnelId}, not it`);
}
