// Delete pool: a pool that nobody uses goes with all that is left in it; a delegation gives its block back.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type DeletePoolRequest,
  type DeletePoolResponse,
  DeletePoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { allocationId, type Snapshot, slabId, slabLengthOfPool } from '#internal/model/model.ts';
import type { Compare, RecordKind, Stored } from '#internal/model/record.ts';
import { nthSubprefix, type Prefix, parsePrefix, subprefixCount } from '#internal/netip/netip.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { allocationLine, delegationLine, isQuarantined, type PoolContents, poolContents } from './pool-contents.ts';
import { poolToChange } from './pool-fields.ts';

// etcd takes 128 operations a transaction; the pool, its backing, conditions, audit, operation and fence are among them.
const mostOperations = 120;
/** Slabs of a delegation (allocator: chooseBlock). */
const mostBackingSlabs = 64;

/**
 * With its reservations, empty slabs and, where it is frozen, what is in quarantine there. Refuses `not-found`,
 * `stale-etag`, `has-children` (delegations) and `in-use`, both with what is in the way. O(allocations).
 *
 * Slabs beyond what a transaction takes outlive it, see clearPool; nothing is given from them, and a pool of the same
 * prefix takes them up again.
 */
export function deletePool(
  snapshot: Snapshot,
  request: DeletePoolRequest,
  _context: CommandContext,
): Refusal | Decided<DeletePoolResponse> {
  const unused = unusedPool(snapshot, request);
  if (isRefusal(unused)) return unused;
  const { pool, rest, nothingGiven } = unused;
  const draft = new Draft();
  draft.read('pool', pool.record.id, pool);
  draft.write({ op: 'delete', kind: 'pool', id: pool.record.id });
  remove(draft, backing(snapshot, pool.record));
  const [slabs, others] = [rest.filter(({ kind }) => kind === 'slab'), rest.filter(({ kind }) => kind !== 'slab')];
  remove(draft, others);
  remove(draft, slabs.slice(0, Math.max(0, mostOperations - draft.decision().writes.length)));
  return decided(draft, nothingGiven);
}

/** How many calls of clearPool have to go before deletePool; 0 where that is refused. O(allocations). */
export function clearings(snapshot: Snapshot, request: DeletePoolRequest): number {
  const unused = unusedPool(snapshot, request);
  if (isRefusal(unused)) return 0;
  const most = mostOperations - 1 - backing(snapshot, unused.pool.record).length;
  return Math.max(0, Math.ceil((unused.rest.length - most) / mostOperations));
}

/** A transaction's worth of what is left in a pool that deletePool would take away. Refuses as that does. */
export function clearPool(
  snapshot: Snapshot,
  request: DeletePoolRequest,
  _context: CommandContext,
): Refusal | Decided<DeletePoolResponse> {
  const unused = unusedPool(snapshot, request);
  if (isRefusal(unused)) return unused;
  const { pool, rest, nothingGiven } = unused;
  const draft = new Draft();
  draft.read('pool', pool.record.id, pool);
  remove(draft, rest.slice(0, mostOperations));
  return decided(draft, nothingGiven);
}

interface Left {
  readonly kind: Extract<RecordKind, 'allocation' | 'reservation' | 'slab'>;
  readonly id: string;
  readonly stored: Stored<unknown>;
}

interface Unused {
  readonly pool: Stored<Pool>;
  /** What goes with it: first what is in quarantine, slabs last. */
  readonly rest: readonly Left[];
  /** That nothing has been allocated since the snapshot. */
  readonly nothingGiven: readonly Compare[];
}

function unusedPool(snapshot: Snapshot, request: DeletePoolRequest): Unused | Refusal {
  const pool = poolToChange(snapshot, request);
  if (isRefusal(pool)) return pool;
  const { id, frozen } = pool.record;
  const contents = poolContents(snapshot, id);
  const quarantined = contents.allocations.filter(isQuarantined);
  const refusal = childrenRefusal(request, contents) ?? useRefusal(request, contents, frozen);
  if (refusal !== undefined) return refusal;
  const left = (kind: Left['kind'], some: readonly Omit<Left, 'kind'>[]): Left[] =>
    some.map(({ id: each, stored }) => ({ kind, id: each, stored }));
  return {
    pool,
    rest: [
      ...left('allocation', quarantined),
      ...left('reservation', contents.reservations),
      ...left('slab', contents.slabs),
    ],
    // An allocation compares the pool's record without writing it. From a frozen one none has been made since it was
    // frozen, so that the snapshot shows them all; of another the absence of every key is a condition. Of slabs that is one
    // only where there are none: one that is cut beside others meanwhile, and left, is an orphan for the pool check.
    nothingGiven:
      quarantined.length > 0 ? [] : absent(id, contents.slabs.length > 0 ? ['allocation'] : ['allocation', 'slab']),
  };
}

function absent(poolId: string, kinds: readonly ('allocation' | 'slab')[]): readonly Compare[] {
  return kinds.map((kind) => ({ kind, id: `${poolId}/`, revision: 0n, within: true }));
}

function childrenRefusal(request: DeletePoolRequest, { delegations }: PoolContents): Refusal | undefined {
  if (delegations.length === 0) return undefined;
  return refuse('has-children', {
    field: 'pool',
    value: request.pool,
    problem: `has ${delegations.length} delegations`,
    cure: 'delete them first',
    obstacles: delegations.map(delegationLine),
  });
}

function useRefusal(request: DeletePoolRequest, contents: PoolContents, frozen: boolean): Refusal | undefined {
  const used = contents.allocations.filter((some) => !isQuarantined(some));
  const waiting = contents.allocations.length - used.length;
  const about = { field: 'pool', value: request.pool };
  if (used.length > 0) {
    const problem = `is in use: ${used.length} allocations`;
    const cure = 'release them or drain it first';
    return refuse('in-use', { ...about, problem, cure, obstacles: used.map(allocationLine) });
  }
  if (waiting === 0 || frozen) return undefined;
  return refuse('in-use', {
    ...about,
    problem: `holds ${waiting} prefixes in quarantine`,
    cure: 'wait until they are free, or freeze it first: deleting it ends their quarantine then',
    obstacles: contents.allocations.map(allocationLine),
  });
}

/** What of its parent a delegation is made of; nothing of a root, or where the parent says otherwise. */
function backing(snapshot: Snapshot, pool: Pool): readonly Left[] {
  const prefix = parsePrefix(pool.prefix);
  const parent = pool.parentPoolId;
  const slabLength = slabLengthOfPool(parent);
  if (typeof prefix !== 'string' || slabLength === undefined) return [];
  const allocation = snapshot.allocations.get(allocationId(parent, prefix));
  if (allocation?.record.delegatedPoolId === pool.id) {
    return [{ kind: 'allocation', id: allocationId(parent, prefix), stored: allocation }];
  }
  return slabsOf(prefix, slabLength).flatMap((slab): Left[] => {
    const stored = snapshot.slabs.get(slabId(parent, slab));
    return stored?.record.delegatedPoolId === pool.id ? [{ kind: 'slab', id: slabId(parent, slab), stored }] : [];
  });
}

function slabsOf(block: Prefix, slabLength: number): readonly Prefix[] {
  const count = Math.min(mostBackingSlabs, Number(subprefixCount(block, slabLength)));
  return Array.from({ length: count }, (_, at) => nthSubprefix(block, slabLength, BigInt(at)));
}

function remove(draft: Draft, some: readonly Left[]): void {
  for (const { kind, id, stored } of some) {
    draft.read(kind, id, stored);
    draft.write({ op: 'delete', kind, id });
  }
}

function decided(draft: Draft, conditions: readonly Compare[]): Decided<DeletePoolResponse> {
  const { compares, writes } = draft.decision();
  return {
    decision: { compares: [...compares, ...conditions], writes },
    response: create(DeletePoolResponseSchema),
  };
}
