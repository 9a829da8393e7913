// Reservations: parts of a pool that are given to nobody, or to one owner who asks for them by their prefix.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Pool, ReservationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreateReservationRequest,
  type CreateReservationResponse,
  CreateReservationResponseSchema,
  type DeleteReservationRequest,
  type DeleteReservationResponse,
  DeleteReservationResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { reservationId, type Snapshot, slabId, slabLengthOfPool } from '#internal/model/model.ts';
import type { Compare, Stored } from '#internal/model/record.ts';
import { overlaps, type Prefix, parsePrefix, prefixLength, supernet } from '#internal/netip/netip.ts';
import { noOthers } from './absence.ts';
import { type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { blockField } from './delegated-block.ts';
import { Draft } from './draft.ts';
import { notFound, ownerField, textField } from './fields.ts';
import { findPool } from './find.ts';
import {
  allocationLine,
  backs,
  delegationLine,
  type PoolContents,
  poolContents,
  reservationLine,
} from './pool-contents.ts';
import { poolToChange } from './pool-fields.ts';
import { toReservation } from './view.ts';

const prefixName = 'reservation.prefix';
// etcd takes 128 operations a transaction; pool, reservation, what the owner holds, audit and operation are among them.
const mostConditions = 100;

/**
 * Refuses `not-found`, `required`, `invalid`, `misaligned`, `family-mismatch`, `outside-pool`, `overlap` (with another
 * reservation), and `in-use` with what lies there and is not the owner's. O(allocations).
 */
export function createReservation(
  snapshot: Snapshot,
  request: CreateReservationRequest,
  context: CommandContext,
): Refusal | Decided<CreateReservationResponse> {
  const pool = poolToChange(snapshot, { pool: request.pool });
  if (isRefusal(pool)) return pool;
  const { owner, description } = request;
  const around = parsePrefix(pool.record.prefix);
  if (typeof around !== 'string') return notFound('pool', request.pool, 'pool with a prefix');
  const prefix = blockField(prefixName, request.prefix, around);
  if (isRefusal(prefix)) return prefix;
  const contents = poolContents(snapshot, pool.record.id);
  const refusal =
    (owner === '' ? undefined : ownerField('reservation.owner', owner)) ??
    textField('reservation.description', description, 200) ??
    overlapRefusal(contents, prefix) ??
    useRefusal(contents, prefix, owner);
  if (refusal !== undefined) return refusal;

  const { id: poolId } = pool.record;
  const id = reservationId(poolId, prefix);
  const record = create(ReservationSchema, {
    poolId,
    prefix,
    owner,
    description,
    createdAt: timestampFromDate(context.now),
  });
  const draft = rewriting(pool);
  draft.read('reservation', id, undefined);
  draft.write({ op: 'put', kind: 'reservation', id, record });
  const own = contents.allocations.filter((some) => overlaps(some.prefix, prefix));
  for (const some of own) draft.read('allocation', some.id, some.stored);
  const conditions = stillSo(
    snapshot,
    poolId,
    prefix,
    own.map((some) => some.id),
  );
  if (own.length + conditions.length > mostConditions) {
    return refuse('in-use', {
      field: prefixName,
      value: prefix,
      problem: 'holds too much of its owner to be checked at once',
      cure: 'reserve it in smaller parts',
      obstacles: own.map(allocationLine),
    });
  }
  const { compares, writes } = draft.decision();
  return {
    decision: { compares: [...compares, ...conditions], writes },
    response: create(CreateReservationResponseSchema, { reservation: toReservation({ record }) }),
  };
}

/** What changes what a pool may give rewrites the pool, so that of it and an allocation of the same moment one commits. */
function rewriting(pool: Stored<Pool>): Draft {
  const draft = new Draft();
  draft.read('pool', pool.record.id, pool);
  draft.write({ op: 'put', kind: 'pool', id: pool.record.id, record: pool.record });
  return draft;
}

function overlapRefusal({ reservations }: PoolContents, prefix: Prefix): Refusal | undefined {
  const other = reservations.find((some) => overlaps(some.prefix, prefix));
  if (other === undefined) return undefined;
  const cure = 'reservations of a pool lie side by side';
  const problem = `overlaps the reservation ${other.prefix}`;
  return refuse('overlap', { field: prefixName, value: prefix, problem, cure, obstacles: [reservationLine(other)] });
}

function useRefusal(contents: PoolContents, prefix: Prefix, owner: string): Refusal | undefined {
  const { allocations, delegations, slabs } = contents;
  const meets = (some: { readonly prefix: Prefix }): boolean => overlaps(some.prefix, prefix);
  const delegated = slabs.filter((slab) => slab.stored.record.delegatedPoolId !== '' && meets(slab));
  const obstacles = [
    ...delegations.filter(({ record }) => meets({ prefix: record.prefix as Prefix })).map(delegationLine),
    ...allocations
      .filter((some) => meets(some) && !backs(delegations, some))
      .filter(({ stored }) => owner === '' || stored.record.owner !== owner)
      .map(allocationLine),
  ];
  if (obstacles.length === 0 && delegated.length === 0) return undefined;
  return refuse('in-use', {
    field: prefixName,
    value: prefix,
    problem: owner === '' ? 'is in use' : `is in use by others than ${owner}`,
    cure: 'a prefix that nobody has anything in',
    obstacles,
  });
}

/** That nothing has been allocated there since the snapshot. */
function stillSo(snapshot: Snapshot, pool: string, prefix: Prefix, own: readonly string[]): readonly Compare[] {
  const slabLength = slabLengthOfPool(pool) ?? 0;
  if (prefixLength(prefix) < slabLength) return noOthers(snapshot, pool, prefix, own);
  const id = slabId(pool, supernet(prefix, slabLength));
  const slab = snapshot.slabs.get(id);
  const condition: Compare = { kind: 'slab', id, revision: slab?.revision ?? 0n };
  // Without a slab there can be no allocation; in one, a unit may be larger than what is reserved of it.
  if (slab === undefined) return [condition];
  const unit = supernet(prefix, Math.min(prefixLength(prefix), slab.record.unitLength));
  return [condition, ...noOthers(snapshot, pool, unit, own).filter((other) => other.id !== id)];
}

/** Refuses `not-found` (pool, reservation), `required`, `invalid`, `host-bits`, `stale-etag` (of the reservation). */
export function deleteReservation(
  snapshot: Snapshot,
  request: DeleteReservationRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteReservationResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const pool = findPool(snapshot, request.pool);
  if (isRefusal(pool)) return pool;
  const around = parsePrefix(pool.record.prefix);
  if (typeof around !== 'string') return notFound('pool', request.pool, 'pool with a prefix');
  const prefix = blockField(prefixName, request.prefix, around);
  if (isRefusal(prefix)) return prefix;
  const id = reservationId(pool.record.id, prefix);
  const stored = snapshot.reservations.get(id);
  if (stored === undefined) return notFound(prefixName, request.prefix, 'reservation');
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const draft = rewriting(pool);
  draft.read('reservation', id, stored);
  draft.write({ op: 'delete', kind: 'reservation', id });
  return { decision: draft.decision(), response: create(DeleteReservationResponseSchema) };
}
