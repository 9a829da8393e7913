// Allocation: the prefixes that a new tunnel is given.

import { type Choice, choose } from '#internal/allocator/allocator.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Snapshot, standingPools } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Family, familyOf } from '#internal/netip/netip.ts';
import type { CommandContext } from './context.ts';
import { findPool } from './find.ts';
import { internetRealmId } from './network.ts';

export interface Given {
  readonly pool: Stored<Pool>;
  readonly choice: Choice;
}

const field = 'tunnel.pools';
/** One address, and one subnet: a /64 is what hosts behind the tunnel configure themselves from (RFC 4862). */
const unitLengths = { 4: 32, 6: 64 } as const;

/** One prefix for each family, or for each pool that is named; all of them or a refusal. */
export function allocate(
  snapshot: Snapshot,
  pools: readonly string[],
  homePopId: string,
  context: CommandContext,
): readonly Given[] | Refusal {
  const candidates = pools.length === 0 ? defaultPools(snapshot) : namedPools(snapshot, pools);
  if (isRefusal(candidates)) return candidates;
  const given: Given[] = [];
  for (const [family, some] of candidates) {
    const one = fromFirst(snapshot, some, { unitLength: unitLengths[family], homePopId }, context);
    if (isRefusal(one)) return one;
    given.push(one);
  }
  return given;
}

/** Candidates in the order in which they are tried. */
type Candidates = ReadonlyMap<Family, readonly Stored<Pool>[]>;

function defaultPools(snapshot: Snapshot): Candidates | Refusal {
  const candidates = new Map<Family, Stored<Pool>[]>();
  for (const family of [4, 6] as const) {
    const some: Stored<Pool>[] = [];
    for (const [id, prefix] of standingPools(snapshot)) {
      const pool = snapshot.pools.get(id);
      if (familyOf(prefix) === family && pool?.record.realmId === internetRealmId) some.push(pool);
    }
    if (some.length === 0) {
      return refuse('no-pool', {
        field,
        problem: `there is no IPv${family} pool in the realm ${internetRealmId}`,
        cure: 'create one, or name the pools to allocate from',
      });
    }
    const open = some.filter(({ record }) => !record.frozen);
    if (open.length === 0) return frozen(some.map(({ record }) => record.prefix).join(' '));
    candidates.set(family, open);
  }
  return candidates;
}

function namedPools(snapshot: Snapshot, pools: readonly string[]): Candidates | Refusal {
  const candidates = new Map<Family, Stored<Pool>[]>();
  for (const ref of pools) {
    const pool = findPool(snapshot, ref, field);
    if (isRefusal(pool)) return pool;
    const prefix = standingPools(snapshot).get(pool.record.id);
    if (prefix === undefined) {
      const problem = 'overlaps an older pool of its realm';
      return refuse('overlap', { field, value: ref, problem, cure: 'another pool' });
    }
    if (pool.record.frozen) return frozen(ref);
    const family = familyOf(prefix);
    if (candidates.has(family)) {
      const problem = `is a second IPv${family} pool`;
      return refuse('invalid', { field, value: ref, problem, cure: 'one pool of each family at most' });
    }
    candidates.set(family, [pool]);
  }
  return candidates;
}

function frozen(value: string): Refusal {
  return refuse('frozen', { field, value, problem: 'gives no new addresses: frozen', cure: 'another pool' });
}

// Alone the lowest address is taken, which keeps slabs dense. While decisions of our own are under way others probably
// decide too, and two daemons that both take the lowest only collide: so the choice spreads with the load.
const spread = 16;

function fromFirst(
  snapshot: Snapshot,
  pools: readonly Stored<Pool>[],
  wish: { readonly unitLength: number; readonly homePopId: string },
  context: CommandContext,
): Given | Refusal {
  const skip = Math.floor(context.random() * spread * context.inFlight.size);
  let refused: Refusal | undefined;
  for (const pool of pools) {
    const choice = choose(snapshot, context.freeIndex, {
      ...wish,
      poolId: pool.record.id,
      owner: context.principal,
      unseen: { taken: context.inFlight, slab: () => undefined },
      skip,
    });
    if (!isRefusal(choice)) return { pool, choice };
    refused ??= choice;
  }
  if (pools.length > 1) {
    const value = pools.map(({ record }) => record.prefix).join(' ');
    const cure = 'delete tunnels that are not used, or create another pool';
    return refuse('pool-exhausted', { field, value, problem: `have no free /${wish.unitLength} left`, cure });
  }
  return refused ?? refuse('no-pool', { field, problem: 'names no pool', cure: 'name one' });
}
