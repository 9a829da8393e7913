// Wish pools: which pools a request may be served from, in the order in which they are tried.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Snapshot, standingPool, standingPools } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { contains, type Family, familyOf, type Prefix, prefixLength } from '#internal/netip/netip.ts';
import { findPool } from './find.ts';
import { internetRealmId } from './network.ts';

export type Pools = readonly Stored<Pool>[];

/** The pool of this id or prefix, or the one that takes its place. Refuses `required`, `not-found`, `overlap`, `frozen`. */
export function namedPool(snapshot: Snapshot, ref: string, field: string): Stored<Pool> | Refusal {
  const pool = foundPool(snapshot, ref, field);
  return isRefusal(pool) ? pool : (serving(snapshot, pool) ?? frozen(field, ref));
}

/** As it is, be it frozen. Refuses `required`, `not-found`, `overlap`. */
export function foundPool(snapshot: Snapshot, ref: string, field: string): Stored<Pool> | Refusal {
  const pool = findPool(snapshot, ref, field);
  if (isRefusal(pool) || standingPool(snapshot, pool.record.id) !== undefined) return pool;
  const problem = 'overlaps an older pool of its realm';
  return refuse('overlap', { field, value: ref, problem, cure: 'another pool' });
}

function frozen(field: string, value: string): Refusal {
  return refuse('frozen', { field, value, problem: 'gives no new addresses: frozen', cure: 'another pool' });
}

/**
 * The pool that serves requests for this one: itself, or the one that it is being emptied into. Undefined: none.
 * @param passed ids of pools that led here: two that a hand made drain into each other serve nobody
 */
export function serving(
  snapshot: Snapshot,
  pool: Stored<Pool>,
  passed: readonly string[] = [],
): Stored<Pool> | undefined {
  const { id, drainToPoolId, realmId } = pool.record;
  if (drainToPoolId === '') return pool.record.frozen ? undefined : pool;
  const target = snapshot.pools.get(drainToPoolId);
  if (target?.record.realmId !== realmId || passed.includes(id)) return undefined;
  const [here, there] = [id, drainToPoolId].map((some) => standingPool(snapshot, some)?.prefix);
  if (here === undefined || there === undefined || familyOf(here) !== familyOf(there)) return undefined;
  return serving(snapshot, target, [...passed, id]);
}

/**
 * The pools of the realm internet for those who name none: the oldest first, those that are home to another PoP last.
 * Refuses `no-pool`, `frozen`.
 */
export function defaultPools(snapshot: Snapshot, family: Family, homePopId: string, field: string): Pools | Refusal {
  const some = rootPools(snapshot)[family];
  if (some.length === 0) {
    return refuse('no-pool', {
      field,
      problem: `there is no IPv${family} pool in the realm ${internetRealmId}`,
      cure: 'create one, or name the pools to allocate from',
    });
  }
  const open = new Set(some.flatMap((pool) => serving(snapshot, pool) ?? []));
  if (open.size === 0) return frozen(field, some.map(({ record }) => record.prefix).join(' '));
  const elsewhere = ({ record }: Stored<Pool>): boolean => record.homePopId !== '' && record.homePopId !== homePopId;
  return [...open].sort((a, b) => Number(elsewhere(a)) - Number(elsewhere(b)));
}

type Roots = { readonly [F in Family]: Pools };
// Pools change seldom and are asked about for every request; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['pools'], Roots>();

/** A delegation serves those who name it: its PoP gives from it as it likes. */
function rootPools(snapshot: Snapshot): Roots {
  const known = remembered.get(snapshot.pools);
  if (known !== undefined) return known;
  const roots = { 4: [] as Stored<Pool>[], 6: [] as Stored<Pool>[] };
  for (const [id, prefix] of standingPools(snapshot)) {
    const pool = snapshot.pools.get(id);
    if (pool?.record.realmId !== internetRealmId || pool.record.parentPoolId !== '') continue;
    roots[familyOf(prefix)].push(pool);
  }
  remembered.set(snapshot.pools, roots);
  return roots;
}

/** The smallest pool of the realm internet around the prefix: a delegation's before its parent. */
export function poolAround(snapshot: Snapshot, prefix: Prefix): Stored<Pool> | undefined {
  let smallest: { readonly pool: Stored<Pool>; readonly length: number } | undefined;
  for (const [id, around] of standingPools(snapshot)) {
    const pool = snapshot.pools.get(id);
    if (pool?.record.realmId !== internetRealmId || !contains(around, prefix)) continue;
    const length = prefixLength(around);
    if (smallest === undefined || length > smallest.length) smallest = { pool, length };
  }
  return smallest?.pool;
}
