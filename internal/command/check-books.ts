// Check books: pools, slabs and reservations against each other.

import { parsePoolId, type Snapshot, splitId, type StandingPool, standingPool } from '#internal/model/model.ts';
import type { Decision, RecordKind, Stored } from '#internal/model/record.ts';
import type { Pool, Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { contains, familyOf, overlaps, type Prefix, parsePrefix, prefixFromHex } from '#internal/netip/netip.ts';
import { noOthers } from './absence.ts';
import { unchanged } from './context.ts';
import { byHand, type Finding, finding, inScope, type Scope } from './finding.ts';

/** O(pools + slabs + reservations), and O(allocations) where a slab is found that may be deleted. */
export function checkBooks(scope: Scope): readonly Finding[] {
  return [...checkPoolRecords(scope), ...checkSlabs(scope), ...checkReservations(scope)];
}

function checkPoolRecords({ snapshot, poolId }: Scope): readonly Finding[] {
  return [...snapshot.pools].flatMap(([id, stored]) => {
    if ((poolId !== undefined && poolId !== id) || standingPool(snapshot, id) !== undefined) return [];
    const parent = stored.record.parentPoolId;
    const cure = 'not mended: delete the pool that should not be';
    if (parent === '') {
      const problem = 'overlaps an older pool of its realm, or contradicts its key';
      return [finding('overlap', ['pool', id, stored], { problem, cure })];
    }
    const gone = snapshot.pools.has(parent) ? `${parent} does not have it on its books` : `${parent} is gone`;
    const problem = `is a delegation, and its parent ${gone}`;
    return [finding('orphan', ['pool', id, stored], { problem, cure })];
  });
}

function checkSlabs(scope: Scope): readonly Finding[] {
  const { snapshot } = scope;
  const found: Finding[] = [];
  for (const [id, stored] of inScope(snapshot.slabs, scope)) {
    const pool = standingPool(snapshot, splitId(id)?.poolId ?? '');
    const problem = slabProblem(id, stored.record, pool);
    const about = ['slab', id, stored] as const;
    if (problem !== undefined) {
      const mend = stored.record.delegatedPoolId === '' ? emptySlab(snapshot, id, stored) : undefined;
      const cure = mend === undefined ? 'not mended: something is allocated in it' : 'it is empty and is deleted';
      found.push(finding('orphan', about, { problem, cure, ...(mend && { mend }) }));
    } else if (stored.record.delegatedPoolId !== '') found.push(...checkDelegation(snapshot, about));
  }
  return found;
}

function slabProblem(id: string, record: Slab, pool: StandingPool | undefined): string | undefined {
  if (pool === undefined) return 'lies in no pool';
  const prefix = prefixFromHex(splitId(id)?.hex ?? '', pool.slabLength);
  if (prefix === undefined || !contains(pool.prefix, prefix)) return `lies outside of its pool ${pool.prefix}`;
  const says = record.poolId === pool.pool.id && record.prefix === prefix && record.unitLength >= pool.slabLength;
  return says ? undefined : 'contradicts its key';
}

/** Undefined where something is allocated in the slab. */
function emptySlab(snapshot: Snapshot, id: string, stored: Stored<Slab>): Decision | undefined {
  const poolId = splitId(id)?.poolId ?? '';
  const prefix = parsePrefix(stored.record.prefix);
  const created = parsePoolId(poolId);
  if (typeof prefix !== 'string' || created === undefined || familyOf(created) !== familyOf(prefix)) return undefined;
  for (const [allocation, { record }] of snapshot.allocations) {
    if (splitId(allocation)?.poolId !== poolId) continue;
    const other = parsePrefix(record.prefix);
    if (typeof other !== 'string' || overlaps(other, prefix)) return undefined;
  }
  return {
    // Not in a pool that came to stand around it meanwhile.
    compares: [
      unchanged('pool', poolId, snapshot.pools.get(poolId)),
      unchanged('slab', id, stored),
      ...noOthers(snapshot, poolId, prefix, []),
    ],
    writes: [{ op: 'delete', kind: 'slab', id }],
  };
}

/** Of a slab or an allocation that is a delegation: the pool is there, and is of it. */
export function checkDelegation(
  snapshot: Snapshot,
  about: readonly [RecordKind, string, Stored<{ readonly poolId: string; readonly delegatedPoolId: string }>],
): readonly Finding[] {
  const [kind, id, stored] = about;
  const { delegatedPoolId, poolId } = stored.record;
  const child = snapshot.pools.get(delegatedPoolId);
  if (child !== undefined) {
    if (child.record.parentPoolId === poolId && standingPool(snapshot, delegatedPoolId) !== undefined) return [];
    const problem = `is delegated as ${delegatedPoolId}, which is not a delegation out of this pool that stands`;
    return [finding('orphan', about, { problem, cure: byHand })];
  }
  const problem = `is delegated as ${delegatedPoolId}, which does not exist`;
  if (snapshot.poolUse.get(delegatedPoolId) !== undefined) {
    return [finding('leak', about, { problem, cure: 'not mended: records of that pool are left' })];
  }
  const mend: Decision = {
    compares: [
      unchanged(kind, id, stored),
      unchanged('pool', delegatedPoolId, undefined),
      { kind: 'allocation', id: `${delegatedPoolId}/`, revision: 0n, within: true },
    ],
    writes: [{ op: 'delete', kind, id }],
  };
  return [finding('leak', about, { problem, cure: 'it is given back to its pool', mend })];
}

function checkReservations(scope: Scope): readonly Finding[] {
  const { snapshot } = scope;
  const found: Finding[] = [];
  const last = new Map<string, Prefix>();
  for (const [id, stored] of [...inScope(snapshot.reservations, scope)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const { poolId } = stored.record;
    const pool = snapshot.pools.get(poolId);
    const around = pool && parsePrefix(pool.record.prefix);
    const prefix = parsePrefix(stored.record.prefix);
    const about = ['reservation', id, stored] as const;
    if (typeof around !== 'string' || typeof prefix !== 'string' || !contains(around, prefix)) {
      const problem = pool === undefined ? 'lies in no pool' : `lies outside of its pool ${pool.record.prefix}`;
      found.push(finding('orphan', about, { problem, cure: 'it is deleted', mend: unreserved(about, pool) }));
      continue;
    }
    const before = last.get(poolId);
    if (before !== undefined && overlaps(before, prefix)) {
      const cure = 'not mended: delete one of them';
      found.push(finding('overlap', about, { problem: `overlaps the reservation ${before}`, cure }));
    } else last.set(poolId, prefix);
  }
  return found;
}

function unreserved(
  [kind, id, stored]: readonly ['reservation', string, Stored<{ readonly poolId: string }>],
  pool: Stored<Pool> | undefined,
): Decision {
  return {
    compares: [unchanged(kind, id, stored), unchanged('pool', stored.record.poolId, pool)],
    writes: [{ op: 'delete', kind, id }],
  };
}
