// Release: an owner gives back what no tunnel of it uses.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type ReleaseRequest,
  type ReleaseResponse,
  ReleaseResponseSchema,
} from '#internal/gen/pop44/v1/allocations_pb.ts';
import { allocationId, holderOf, type Snapshot } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { ownerField, prefixField } from './fields.ts';
import { findPool } from './find.ts';
import { type Released, quarantine } from './quarantine.ts';

/** As many as a request is given. */
const mostPrefixes = 16;

/**
 * All of the prefixes or none; an etag is that of each. Refuses `required`, `invalid`, `host-bits`, `not-found`,
 * `not-owner`, `stale-etag`, and `in-use` of a prefix that a tunnel uses or that is a delegation.
 */
export function release(
  snapshot: Snapshot,
  request: ReleaseRequest,
  context: CommandContext,
): Refusal | Decided<ReleaseResponse> {
  const owner = request.owner === '' ? context.principal : request.owner;
  const refusal = notReady(snapshot) ?? ownerField('owner', owner) ?? countRefusal(request.prefixes.length);
  if (refusal !== undefined) return refusal;
  const pool = request.pool === '' ? undefined : findPool(snapshot, request.pool);
  if (isRefusal(pool)) return pool;
  const released = new Map<string, Released>();
  for (const [at, text] of request.prefixes.entries()) {
    const field = `prefixes[${at}]`;
    const prefix = prefixField(field, text);
    if (typeof prefix !== 'string') return prefix;
    const one = releasable(snapshot, { field, prefix, owner, poolId: pool?.record.id });
    if (isRefusal(one)) return one;
    const stale = staleEtag(request.change, one.allocation.revision);
    if (stale !== undefined) return stale;
    released.set(one.id, one);
  }
  const draft = new Draft();
  quarantine(snapshot, draft, [...released.values()], context.now);
  return { decision: draft.decision(), response: create(ReleaseResponseSchema) };
}

function countRefusal(count: number): Refusal | undefined {
  const cure = `1 to ${mostPrefixes} prefixes`;
  if (count === 0) return refuse('required', { field: 'prefixes', problem: 'are missing', cure });
  if (count <= mostPrefixes) return undefined;
  return refuse('invalid', { field: 'prefixes', value: String(count), problem: 'prefixes are too many', cure });
}

interface Wanted {
  readonly field: string;
  readonly prefix: Prefix;
  readonly owner: string;
  readonly poolId: string | undefined;
}

function releasable(snapshot: Snapshot, { field, prefix, owner, poolId }: Wanted): Released | Refusal {
  const candidates = allocatedAs(snapshot, prefix).filter(
    ({ id }) => poolId === undefined || id.startsWith(`${poolId}/`),
  );
  const [one, ...more] = candidates;
  if (one === undefined) {
    return refuse('not-found', {
      field,
      value: prefix,
      problem: 'is not allocated',
      cure: 'as allocation list shows them',
    });
  }
  if (more.length > 0) {
    const problem = `is allocated in ${candidates.length} pools`;
    return refuse('invalid', { field, value: prefix, problem, cure: 'name the pool' });
  }
  const { record } = one.allocation;
  if (record.delegatedPoolId !== '') {
    const cure = 'delete that pool';
    return refuse('in-use', { field, value: prefix, problem: `is the pool ${record.delegatedPoolId}`, cure });
  }
  if (record.owner !== owner) {
    const cure = 'its owner releases it';
    return refuse('not-owner', { field, value: prefix, problem: `is not held by ${owner}`, cure });
  }
  if (record.tunnelId !== '') {
    const problem = 'is used by a tunnel';
    const obstacles = [`tunnel ${record.tunnelId} (${owner})`];
    return refuse('in-use', { field, value: prefix, problem, cure: 'delete the tunnel', obstacles });
  }
  return one;
}

/** In every pool, standing or not, that has a record of exactly this prefix. O(pools). */
export function allocatedAs(snapshot: Snapshot, prefix: Prefix): readonly Released[] {
  const found: Released[] = [];
  for (const poolId of snapshot.pools.keys()) {
    const id = allocationId(poolId, prefix);
    const allocation = snapshot.allocations.get(id);
    if (allocation?.record.prefix === prefix && holderOf(allocation.record) !== 'quarantine') {
      found.push({ id, allocation });
    }
  }
  return found;
}
