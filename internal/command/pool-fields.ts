// Pool fields: the rules that creating, changing, resizing and delegating a pool share.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Change } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import {
  excludedSpace,
  type Family,
  familyOf,
  overlaps,
  type Prefix,
  parsePrefix,
  prefixLength,
} from '#internal/netip/netip.ts';
import { notReady, staleEtag } from './context.ts';
import { notFound, rangeField } from './fields.ts';
import { findPool } from './find.ts';
import { fabricSpace } from './space.ts';

export const prefixName = 'pool.prefix';
// From the largest block that anybody holds to the smallest in which a unit and its neighbours fit.
const lengths = { 4: { shortest: 8, longest: 30 }, 6: { shortest: 20, longest: 64 } } as const;
/** Seconds: 30 days. Longer than any resolver keeps a name. */
const longestQuarantine = 2_592_000;

/** Prefix length of the smallest pool. */
export const longestPool = (family: Family): number => lengths[family].longest;

/** The pool that a request means, when it may be changed. Refuses `not-ready`, `required`, `not-found`, `stale-etag`. */
export function poolToChange(
  snapshot: Snapshot,
  request: { readonly pool: string; readonly change?: Change | undefined },
): Refusal | Stored<Pool> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const pool = findPool(snapshot, request.pool);
  if (isRefusal(pool)) return pool;
  return staleEtag(request.change, pool.revision) ?? pool;
}

export function quarantineField(value: number | undefined): Refusal | undefined {
  return value === undefined ? undefined : rangeField('pool.quarantine_seconds', value, 0, longestQuarantine);
}

/** Empty: no home of its own. */
export function homeField(snapshot: Snapshot, popId: string): Refusal | undefined {
  return popId === '' || snapshot.pops.has(popId) ? undefined : notFound('pool.home_pop_id', popId, 'PoP');
}

export function lengthRefusal(prefix: Prefix): Refusal | undefined {
  const { shortest, longest } = lengths[familyOf(prefix)];
  const length = prefixLength(prefix);
  if (length >= shortest && length <= longest) return undefined;
  return refuse('invalid', {
    field: prefixName,
    value: prefix,
    problem: `is too ${length < shortest ? 'large' : 'small'} for a pool`,
    cure: `/${shortest} to /${longest}`,
  });
}

export function excludedRefusal(snapshot: Snapshot, prefix: Prefix): Refusal | undefined {
  const documentation = snapshot.network?.record.allowDocumentationSpace ?? false;
  const excluded = excludedSpace(prefix, { documentation });
  if (excluded === undefined) return undefined;
  return refuse('excluded-space', {
    field: prefixName,
    value: prefix,
    problem: `meets ${excluded.prefix}: ${excluded.what}, ${excluded.source}`,
    cure: 'public address space that is yours',
  });
}

/**
 * The prefix meets no pool of the realm and none of the fabric's own addresses.
 * @param own of a pool that is resized: neither it nor what was delegated out of it is in its way
 */
export function overlapRefusal(snapshot: Snapshot, prefix: Prefix, realmId: string, own?: string): Refusal | undefined {
  for (const [id, { record }] of [...snapshot.pools].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const other = parsePrefix(record.prefix);
    if (record.realmId !== realmId || typeof other !== 'string' || !overlaps(other, prefix)) continue;
    if (own !== undefined && descends(snapshot, id, own)) continue;
    return refuse('overlap', {
      field: prefixName,
      value: prefix,
      problem: `overlaps the pool ${other} of the realm ${realmId}`,
      cure: 'pools of one realm lie side by side',
    });
  }
  const held = fabricSpace(snapshot).find((some) => overlaps(some.prefix, prefix));
  if (held === undefined) return undefined;
  return refuse('overlap', {
    field: prefixName,
    value: prefix,
    problem: `holds ${held.prefix}, ${held.by}`,
    cure: "a pool holds none of the fabric's own addresses",
  });
}

/** The pool is that one, or a delegation out of it at any depth. */
export function descends(snapshot: Snapshot, id: string, ancestor: string): boolean {
  // Hand-written parents may go round in a circle.
  const seen = new Set<string>();
  for (let at = id; at !== '' && !seen.has(at); at = snapshot.pools.get(at)?.record.parentPoolId ?? '') {
    if (at === ancestor) return true;
    seen.add(at);
  }
  return false;
}
