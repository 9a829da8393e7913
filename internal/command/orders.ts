// Orders: wishes as they are understood: which pools, which length, how many, or which prefix.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Allocation, Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Wish } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { allocationId, holderOf, type Snapshot, standingPool } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { addressBits, type Family, familyOf, type Prefix, parsePrefix, prefixLength } from '#internal/netip/netip.ts';
import { rangeField } from './fields.ts';
import { defaultPools, foundPool, namedPool, type Pools, poolAround, serving } from './wish-pools.ts';

export interface Order {
  /** What a refusal is about. */
  readonly field: string;
  /** Tried in this order; at least one. */
  readonly pools: Pools;
  readonly unitLength: number;
  readonly count: number;
  readonly prefix?: Prefix;
}

export interface Asked {
  /** Pool ids or prefixes, one of each family at most; only where there are no wishes. */
  readonly pools?: readonly string[];
  readonly wishes: readonly Wish[];
  readonly owner: string;
  readonly homePopId: string;
  /** A tunnel takes what its owner holds without one; and its fields are spelled `tunnel.wishes`. */
  readonly forTunnel: boolean;
}

/** Prefixes a request: with pool, slab and allocation of each, a transaction's 128 compares are not half used up. */
const mostPrefixes = 16;
/** One address, and one subnet: a /64 is what hosts behind the tunnel configure themselves from (RFC 4862). */
const unitLengths = { 4: 32, 6: 64 } as const;
const families: readonly Family[] = [4, 6];

const fieldOf = ({ forTunnel }: Asked, name: string): string => (forTunnel ? `tunnel.${name}` : name);

/** What was asked for, or one prefix of each family when nothing was. */
export function ordersOf(snapshot: Snapshot, asked: Asked): readonly Order[] | Refusal {
  const { pools = [], wishes } = asked;
  if (wishes.length === 0) return pools.length === 0 ? byDefault(snapshot, asked) : fromNamed(snapshot, asked, pools);
  if (pools.length > 0) {
    const cure = 'pools or wishes';
    return refuse('invalid', { field: fieldOf(asked, 'pools'), problem: 'are given beside wishes', cure });
  }
  const wanted = wishes.reduce((sum, { count }) => sum + Math.max(1, count), 0);
  if (wanted > mostPrefixes) {
    const value = String(wanted);
    const cure = `at most ${mostPrefixes} a request`;
    return refuse('invalid', { field: fieldOf(asked, 'wishes'), value, problem: 'prefixes are too many', cure });
  }
  const orders: Order[] = [];
  for (const [at, wish] of wishes.entries()) {
    const order = orderOf(snapshot, wish, asked, fieldOf(asked, `wishes[${at}]`));
    if (isRefusal(order)) return order;
    orders.push(order);
  }
  return orders;
}

function byDefault(snapshot: Snapshot, asked: Asked): readonly Order[] | Refusal {
  const field = fieldOf(asked, asked.forTunnel ? 'pools' : 'wishes');
  const orders: Order[] = [];
  for (const family of families) {
    const pools = defaultPools(snapshot, family, asked.homePopId, field);
    if (isRefusal(pools)) return pools;
    orders.push({ field, pools, unitLength: unitLengths[family], count: 1 });
  }
  return orders;
}

function fromNamed(snapshot: Snapshot, asked: Asked, refs: readonly string[]): readonly Order[] | Refusal {
  const field = fieldOf(asked, 'pools');
  const orders = new Map<Family, Order>();
  for (const ref of refs) {
    const pool = namedPool(snapshot, ref, field);
    if (isRefusal(pool)) return pool;
    const family = familyOfPool(snapshot, pool);
    if (orders.has(family)) {
      const problem = `is a second IPv${family} pool`;
      return refuse('invalid', { field, value: ref, problem, cure: 'one pool of each family at most' });
    }
    orders.set(family, { field, pools: [pool], unitLength: unitLengths[family], count: 1 });
  }
  return [...orders.values()];
}

const familyOfPool = (snapshot: Snapshot, { record }: Stored<Pool>): Family =>
  familyOf(standingPool(snapshot, record.id)?.prefix ?? (record.prefix as Prefix));

function orderOf(snapshot: Snapshot, wish: Wish, asked: Asked, field: string): Order | Refusal {
  if (wish.family !== 0 && wish.family !== 4 && wish.family !== 6) {
    const value = String(wish.family);
    return refuse('invalid', { field: `${field}.family`, value, problem: 'is no family', cure: '4 or 6' });
  }
  return wish.prefix === '' ? anyPrefix(snapshot, wish, asked, field) : thisPrefix(snapshot, wish, asked, field);
}

function anyPrefix(snapshot: Snapshot, wish: Wish, asked: Asked, field: string): Order | Refusal {
  const candidates = candidatesOf(snapshot, wish, asked, field);
  if (isRefusal(candidates)) return candidates;
  const { family, pools } = candidates;
  const unitLength = wish.length === 0 ? unitLengths[family] : wish.length;
  // The largest that any of them can give: a whole slab.
  const shortest = Math.min(...pools.map(({ record }) => record.slabLength));
  const refusal = rangeField(`${field}.length`, unitLength, shortest, addressBits(family));
  if (refusal !== undefined) return refusal;
  const wide = pools.filter(({ record }) => record.slabLength <= unitLength);
  return { field: `${field}.pool`, pools: wide, unitLength, count: Math.max(1, wish.count) };
}

function candidatesOf(
  snapshot: Snapshot,
  wish: Wish,
  asked: Asked,
  field: string,
): { readonly family: Family; readonly pools: Pools } | Refusal {
  if (wish.pool !== '') {
    const pool = namedPool(snapshot, wish.pool, `${field}.pool`);
    if (isRefusal(pool)) return pool;
    const family = familyOfPool(snapshot, pool);
    if (wish.family === 0 || wish.family === family) return { family, pools: [pool] };
    return mismatch(`${field}.family`, String(wish.family), family, 'pool');
  }
  if (wish.family !== 4 && wish.family !== 6) {
    return refuse('required', { field: `${field}.family`, problem: 'is missing', cure: '4 or 6, a pool, or a prefix' });
  }
  const pools = defaultPools(snapshot, wish.family, asked.homePopId, `${field}.pool`);
  return isRefusal(pools) ? pools : { family: wish.family, pools };
}

function mismatch(field: string, value: string, family: Family, what: string): Refusal {
  const problem = `is not the family of the ${what}: IPv${family}`;
  return refuse('family-mismatch', { field, value, problem, cure: `${family}, or another ${what}` });
}

function thisPrefix(snapshot: Snapshot, wish: Wish, asked: Asked, field: string): Order | Refusal {
  const prefix = chosenPrefix(wish, field);
  if (isRefusal(prefix)) return prefix;
  const pool = wish.pool === '' ? poolAround(snapshot, prefix) : foundPool(snapshot, wish.pool, `${field}.pool`);
  if (pool === undefined) {
    const problem = 'lies in no pool of the realm internet';
    return refuse('outside-pool', {
      field: `${field}.prefix`,
      value: wish.prefix,
      problem,
      cure: 'a pool that holds it',
    });
  }
  if (isRefusal(pool)) return pool;
  const family = familyOfPool(snapshot, pool);
  if (family !== familyOf(prefix)) return mismatch(`${field}.prefix`, wish.prefix, family, 'pool');
  // What the owner holds is no new address, whatever becomes of the pool.
  const there = snapshot.allocations.get(allocationId(pool.record.id, prefix))?.record;
  // The key tells the first address alone.
  const held = there?.prefix === prefix && isHeld(there, asked.owner);
  if (held && !asked.forTunnel) {
    const problem = 'is held by its owner already';
    return refuse('taken', { field: `${field}.prefix`, value: wish.prefix, problem, cure: 'another one' });
  }
  if (!held && serving(snapshot, pool) !== pool) {
    const problem = `lies in ${pool.record.prefix}, which is frozen`;
    const cure = 'a prefix in another pool';
    return refuse('frozen', { field: `${field}.prefix`, value: wish.prefix, problem, cure });
  }
  return { field: `${field}.prefix`, pools: [pool], unitLength: prefixLength(prefix), count: 1, prefix };
}

/** Held by this owner, without a tunnel. */
export function isHeld(allocation: Allocation | undefined, owner: string): boolean {
  return allocation !== undefined && allocation.owner === owner && holderOf(allocation) === 'owner';
}

function chosenPrefix(wish: Wish, field: string): Prefix | Refusal {
  const prefix = parsePrefix(wish.prefix);
  if (typeof prefix !== 'string') {
    const reason = prefix.network === undefined ? 'invalid' : 'misaligned';
    return refuse(reason, { field: `${field}.prefix`, value: wish.prefix, ...prefix });
  }
  const family = familyOf(prefix);
  if (wish.family !== 0 && wish.family !== family) {
    return mismatch(`${field}.family`, String(wish.family), family, 'prefix');
  }
  if (wish.length !== 0 && wish.length !== prefixLength(prefix)) {
    const cure = 'the prefix alone';
    return refuse('invalid', {
      field: `${field}.length`,
      value: String(wish.length),
      problem: "is not the prefix's",
      cure,
    });
  }
  if (wish.count <= 1) return prefix;
  const problem = 'of one prefix are too many';
  return refuse('invalid', { field: `${field}.count`, value: String(wish.count), problem, cure: '1' });
}
