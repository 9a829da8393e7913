// Resize pool: its prefix grows around the old one, or shrinks into it. Its id and the size of its slabs stay.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Pool, PoolSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type ResizePoolRequest,
  type ResizePoolResponse,
  ResizePoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { growthLimit, networkId, type Snapshot } from '#internal/model/model.ts';
import type { Compare, Stored } from '#internal/model/record.ts';
import { contains, familyOf, type Prefix, parsePrefix, prefixLength } from '#internal/netip/netip.ts';
import { noOthers, without } from './absence.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { notFound, prefixField } from './fields.ts';
import { allocationLine, backs, delegationLine, poolContents, reservationLine } from './pool-contents.ts';
import { excludedRefusal, overlapRefusal, poolToChange, prefixName } from './pool-fields.ts';
import { toPool } from './view.ts';

/**
 * Refuses `not-found`, `stale-etag`, `required`, `invalid` (neither around nor inside, beyond how far it may grow, smaller
 * than a slab, a delegation), `host-bits`, `family-mismatch`, `excluded-space`, `overlap`, and `below-use` with what is
 * in the way. O(allocations) when it shrinks.
 */
export function resizePool(
  snapshot: Snapshot,
  request: ResizePoolRequest,
  _context: CommandContext,
): Refusal | Decided<ResizePoolResponse> {
  const stored = poolToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  const prefix = prefixField(prefixName, request.prefix);
  if (isRefusal(prefix)) return prefix;
  const old = parsePrefix(stored.record.prefix);
  if (typeof old !== 'string') return notFound('pool', request.pool, 'pool with a prefix');
  const change: Change = { snapshot, stored, old, prefix };
  const refusal = shapeRefusal(change);
  if (refusal !== undefined) return refusal;
  return contains(prefix, old) ? grown(change) : shrunk(change);
}

interface Change {
  readonly snapshot: Snapshot;
  readonly stored: Stored<Pool>;
  readonly old: Prefix;
  readonly prefix: Prefix;
}

function shapeRefusal({ stored: { record }, old, prefix }: Change): Refusal | undefined {
  const invalid = (problem: string, cure: string): Refusal =>
    refuse('invalid', { field: prefixName, value: prefix, problem, cure });
  if (familyOf(prefix) !== familyOf(old)) {
    const problem = `is no IPv${familyOf(old)} prefix`;
    return refuse('family-mismatch', { field: prefixName, value: prefix, problem, cure: `one around ${old} or in it` });
  }
  if (record.parentPoolId !== '') {
    return invalid(`is not what was delegated: ${old}`, 'a delegation keeps its size; delegate another block');
  }
  if (prefix === old) return invalid('is the prefix that it has', 'a larger or a smaller one');
  if (!contains(prefix, old) && !contains(old, prefix)) {
    return invalid(`neither holds ${old} nor lies in it`, 'another pool for what lies elsewhere');
  }
  if (prefixLength(prefix) > record.slabLength) {
    return invalid('is smaller than one of its slabs', `at most /${record.slabLength}`);
  }
  const limit = growthLimit(record.id);
  if (limit !== undefined && contains(limit, prefix)) return undefined;
  return invalid('is more than the pool can grow to', `at most ${limit}; another pool for the rest`);
}

function decided({ snapshot, stored: { record }, prefix }: Change, draft: Draft, conditions: readonly Compare[] = []) {
  // The stored message, so that fields of a newer daemon survive.
  const resized = clone(PoolSchema, record);
  resized.prefix = prefix;
  draft.write({ op: 'put', kind: 'pool', id: record.id, record: resized });
  const { compares, writes } = draft.decision();
  return {
    decision: { compares: [...compares, ...conditions], writes },
    response: create(ResizePoolResponseSchema, { pool: toPool(snapshot, { record: resized }) }),
  };
}

function grown(change: Change): Refusal | Decided<ResizePoolResponse> {
  const { snapshot, stored, prefix } = change;
  const { id, realmId } = stored.record;
  const realm = snapshot.realms.get(realmId);
  if (realm === undefined) return notFound('pool.realm_id', realmId, 'realm');
  const refusal = excludedRefusal(snapshot, prefix) ?? overlapRefusal(snapshot, prefix, realmId, id);
  if (refusal !== undefined) return refusal;
  const draft = new Draft();
  // As when a pool is created: of two that come to overlap at once, one commits.
  draft.read('network', networkId, snapshot.network);
  draft.read('realm', realmId, realm);
  draft.read('pool', id, stored);
  draft.write({ op: 'put', kind: 'realm', id: realmId, record: realm.record });
  return decided(change, draft);
}

// etcd takes 128 operations a transaction; the pool, its condition, audit, operation and fence are among them.
const mostOperations = 120;
const mostConditions = 100;

/**
 * Safe against allocations of the same moment: the pool's record is compared and rewritten, so that one which was decided
 * before and commits after fails on it; that none has committed since the snapshot is a condition for all that goes.
 * Nothing else can come there: cutting a slab, a delegation and a reservation compare the pool's record too.
 */
function shrunk(change: Change): Refusal | Decided<ResizePoolResponse> {
  const { snapshot, stored, old, prefix } = change;
  const { id } = stored.record;
  const { allocations, slabs, reservations, delegations } = poolContents(snapshot, id);
  const leaves = (content: { readonly prefix: Prefix }): boolean => !contains(prefix, content.prefix);
  const obstacles = [
    ...delegations.filter(({ record }) => leaves({ prefix: record.prefix as Prefix })).map(delegationLine),
    ...reservations.filter(leaves).map(reservationLine),
    ...allocations.filter((some) => leaves(some) && !backs(delegations, some)).map(allocationLine),
  ];
  if (obstacles.length > 0) {
    return refuse('below-use', {
      field: prefixName,
      value: prefix,
      problem: `would leave out what is in use: ${obstacles.length} prefixes`,
      cure: 'release, drain or take back what lies outside first',
      obstacles,
    });
  }
  const conditions = without(old, prefix).flatMap((part) => noOthers(snapshot, id, part, []));
  if (conditions.length > mostConditions) {
    return refuse('invalid', {
      field: prefixName,
      value: prefix,
      problem: 'is too small a part of it to be checked at once',
      cure: 'shrink it in several steps',
    });
  }
  const draft = new Draft();
  draft.read('pool', id, stored);
  // Empty slabs; more than fit do no harm: outside of its pool a slab does not stand, and the pool check takes it away.
  for (const slab of slabs.filter(leaves).slice(0, mostOperations - conditions.length)) {
    draft.read('slab', slab.id, slab.stored);
    draft.write({ op: 'delete', kind: 'slab', id: slab.id });
  }
  return decided(change, draft, conditions);
}
