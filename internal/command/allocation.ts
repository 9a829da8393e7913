// Allocation: the prefixes that a request is given, and the records that make them its owner's.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type Choice, choose } from '#internal/allocator/allocator.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Allocation, AllocationSchema, type Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import type { CommandContext } from './context.ts';
import type { Draft } from './draft.ts';
import { type Asked, isHeld, type Order, ordersOf } from './orders.ts';
import { count, useOf } from './quota-use.ts';
import type { Pools } from './wish-pools.ts';

export interface Given {
  readonly pool: Stored<Pool>;
  readonly choice: Choice;
  /** The owner's own, in quarantine or without a tunnel; absent: nobody's until now. */
  readonly before?: Stored<Allocation>;
}

/**
 * As many prefixes as are asked for, in that order, or a refusal: `no-pool`, `not-found`, `overlap`, `frozen`, `invalid`,
 * `required`, `misaligned`, `outside-pool`, `family-mismatch`, `taken`, `reserved`, `pool-exhausted`.
 */
export function choices(snapshot: Snapshot, asked: Asked, context: CommandContext): readonly Given[] | Refusal {
  const orders = ordersOf(snapshot, asked);
  if (isRefusal(orders)) return orders;
  const scene = { snapshot, asked, context };
  const given: Given[] = [];
  for (const order of orders) {
    for (let n = 0; n < order.count; n += 1) {
      const one = fromFirst(scene, order, given);
      if (isRefusal(one)) return one;
      given.push(one);
    }
  }
  return given;
}

// Alone the lowest address is taken, which keeps slabs dense. While decisions of our own are under way others probably
// decide too, and two daemons that both take the lowest only collide: so the choice spreads with the load, over half a
// slab of addresses at most.
const spread = 16;
const widestSpread = 128;

interface Scene {
  readonly snapshot: Snapshot;
  readonly asked: Asked;
  readonly context: CommandContext;
}

function fromFirst({ snapshot, asked, context }: Scene, order: Order, given: readonly Given[]): Given | Refusal {
  const { owner, homePopId } = asked;
  const { field, unitLength, prefix } = order;
  const { freeIndex, unseen } = context;
  const skip = Math.floor(context.random() * Math.min(spread * unseen.taken.size, widestSpread));
  const chosen = given.map(({ choice }) => choice);
  let refused: Refusal | undefined;
  for (const pool of rememberedFirst(order, owner, context)) {
    const poolId = pool.record.id;
    const wish = { poolId, unitLength, homePopId, owner, field, unseen, chosen, skip, ...(prefix && { prefix }) };
    const choice = choose(snapshot, freeIndex, wish);
    if (isRefusal(choice)) refused ??= choice;
    else return withBefore(snapshot, pool, choice);
  }
  if (order.pools.length === 1 && refused !== undefined) return refused;
  const value = order.pools.map(({ record }) => record.prefix).join(' ');
  const cure = 'release some, or create or grow a pool: each slab gives one length';
  return refuse('pool-exhausted', { field, value, problem: `have no free /${unitLength} left`, cure });
}

/** The owner gets its own back before anything else, so pools with something of it in quarantine come first. */
function rememberedFirst({ pools, unitLength }: Order, owner: string, { freeIndex }: CommandContext): Pools {
  if (pools.length === 1) return pools;
  const remembers = ({ record }: Stored<Pool>): boolean => {
    const own = freeIndex.space(record.id)?.quarantine.latest(unitLength, owner) ?? [];
    return own[Symbol.iterator]().next().done !== true;
  };
  return [...pools.filter(remembers), ...pools.filter((pool) => !remembers(pool))];
}

function withBefore(snapshot: Snapshot, pool: Stored<Pool>, choice: Choice): Given {
  const before = choice.allocationRevision === 0n ? undefined : snapshot.allocations.get(choice.allocationId);
  return { pool, choice, ...(before && { before }) };
}

export interface Holder {
  readonly owner: string;
  /** Empty: no tunnel uses it. */
  readonly tunnelId: string;
  readonly now: Date;
  /** The field that names the owner, for `quota-exceeded`. */
  readonly field: string;
  /** The tunnel is a new one. */
  readonly newTunnel?: true;
}

/**
 * Has the draft give the prefixes to the holder; the allocations as they will stand, in their order. Refuses
 * `quota-exceeded`.
 */
export function take(
  snapshot: Snapshot,
  draft: Draft,
  given: readonly Given[],
  holder: Holder,
): readonly Allocation[] | Refusal {
  const gained = given.filter(({ before }) => !isHeld(before?.record, holder.owner));
  const use = useOf(gained.map(({ choice }) => choice.prefix));
  const { owner, field, newTunnel = false } = holder;
  const exceeded = count(snapshot, draft, { owner, use, field, newTunnel });
  if (exceeded !== undefined) return exceeded;
  return given.map(({ pool, choice, before }) => {
    draft.read('pool', pool.record.id, pool);
    // With the slab as it was and the key absent nothing can overlap: all of a slab's units are of one size.
    draft.read('slab', choice.slabId, { revision: choice.slabRevision });
    draft.read('allocation', choice.allocationId, { revision: choice.allocationRevision });
    if (choice.slabRevision === 0n) {
      draft.write({ op: 'put', kind: 'slab', id: choice.slabId, record: choice.slab });
    }
    const record = allocationOf(pool.record.id, choice, before?.record, holder);
    draft.write({ op: 'put', kind: 'allocation', id: choice.allocationId, record });
    return record;
  });
}

function allocationOf(poolId: string, choice: Choice, before: Allocation | undefined, holder: Holder): Allocation {
  const { owner, tunnelId } = holder;
  // The stored message, so that fields of a newer daemon survive.
  const record = before === undefined ? create(AllocationSchema) : clone(AllocationSchema, before);
  if (!isHeld(before, owner)) record.createdAt = timestampFromDate(holder.now);
  delete record.quarantinedUntil;
  return Object.assign(record, { poolId, prefix: choice.prefix, tunnelId, owner });
}
