// Drain pool: a pool is closed and emptied into another one, a few allocations a call.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Allocation, type Pool, PoolSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type DrainPoolRequest,
  type DrainPoolResponse,
  DrainPoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { type Snapshot, standingPools } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { familyOf } from '#internal/netip/netip.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { rangeField } from './fields.ts';
import { findPool } from './find.ts';
import { isMovable, Mover } from './mover.ts';
import {
  allocationLine,
  backs,
  type Content,
  delegationLine,
  isQuarantined,
  poolContents,
  reservationLine,
} from './pool-contents.ts';
import { descends, poolToChange } from './pool-fields.ts';

const targetName = 'to_pool';
/** Each is up to 4 of a transaction's 128 conditions: old and new allocation, slab, tunnel. */
const mostMoves = 16;

/**
 * Freezes it, has the other pool serve who names it, and moves the lowest allocations, with their tunnels, as far as
 * there is room. Delegations and reservations stay. Refuses `not-found`, `stale-etag`, `invalid` (itself, another realm,
 * more than 16), `family-mismatch`, `overlap` (into its own delegation), `frozen` (the other one), and `pool-exhausted`
 * where not one could be moved. O(allocations).
 */
export function drainPool(
  snapshot: Snapshot,
  request: DrainPoolRequest,
  context: CommandContext,
): Refusal | Decided<DrainPoolResponse> {
  const pool = poolToChange(snapshot, request);
  if (isRefusal(pool)) return pool;
  const target = targetOf(snapshot, request, pool);
  if (isRefusal(target)) return target;
  const refusal = rangeField('move', request.move, 0, mostMoves);
  if (refusal !== undefined) return refusal;

  const contents = poolContents(snapshot, pool.record.id);
  const left = contents.allocations.filter((some) => !isQuarantined(some) && !backs(contents.delegations, some));
  const movable = left.filter((some) => isMovable(snapshot, some));
  const draft = new Draft();
  // Rewritten, so that nobody who was decided before gets another address from it.
  draft.read('pool', pool.record.id, pool);
  // The stored message, so that fields of a newer daemon survive.
  const record = clone(PoolSchema, pool.record);
  draft.write({
    op: 'put',
    kind: 'pool',
    id: record.id,
    record: Object.assign(record, { frozen: true, drainToPoolId: target.record.id }),
  });
  draft.read('pool', target.record.id, target);
  const mover = new Mover(snapshot, draft, { from: pool.record, to: target.record }, context);
  for (const some of movable.slice(0, request.move)) {
    const full = mover.move(some);
    if (full === undefined) continue;
    if (mover.moves.length === 0) return full;
    break;
  }
  return {
    decision: draft.decision(),
    response: create(DrainPoolResponseSchema, {
      moves: [...mover.moves],
      remaining: BigInt(contents.delegations.length + left.length - mover.moves.length),
      obstacles: [
        ...contents.delegations.map(delegationLine),
        ...contents.reservations.map(reservationLine),
        ...left.filter((some) => !movable.includes(some)).map(unknownLine),
      ].slice(0, mostObstacles),
    }),
  };
}

const mostObstacles = 20;
const unknownLine = (some: Content<Allocation>): string =>
  `${allocationLine(some)}, which does not have it (pop44 pool check)`;

function targetOf(snapshot: Snapshot, request: DrainPoolRequest, pool: Stored<Pool>): Stored<Pool> | Refusal {
  const target = findPool(snapshot, request.toPool, targetName);
  if (isRefusal(target)) return target;
  const [from, to] = [pool, target].map(({ record }) => standingPools(snapshot).get(record.id));
  const refused = (reason: Refusal['refused'], problem: string, cure: string): Refusal =>
    refuse(reason, { field: targetName, value: request.toPool, problem, cure });
  if (target.record.id === pool.record.id) return refused('invalid', 'is the pool itself', 'another pool');
  if (to === undefined) return refused('overlap', 'overlaps an older pool of its realm', 'another pool');
  if (target.record.realmId !== pool.record.realmId) {
    return refused('invalid', `is of the realm ${target.record.realmId}`, `a pool of ${pool.record.realmId}`);
  }
  if (from !== undefined && familyOf(from) !== familyOf(to)) {
    return refused('family-mismatch', `is no IPv${familyOf(from)} pool`, 'a pool of its family');
  }
  if (descends(snapshot, target.record.id, pool.record.id)) {
    return refused('overlap', 'is a delegation out of it', 'a pool beside it');
  }
  return target.record.frozen ? refused('frozen', 'gives nothing new: frozen', 'another pool') : target;
}
