// Pools: prefixes to cut from.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { PoolSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreatePoolRequest,
  type CreatePoolResponse,
  CreatePoolResponseSchema,
  type DeletePoolRequest,
  type DeletePoolResponse,
  DeletePoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { networkId, poolId, type Snapshot, slabLengthOf, splitId } from '#internal/model/model.ts';
import type { Compare, Write } from '#internal/model/record.ts';
import { excludedSpace, familyOf, overlaps, type Prefix, parsePrefix, prefixLength } from '#internal/netip/netip.ts';
import { type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { exists, Form, notFound, prefixField, textField } from './fields.ts';
import { findPool } from './find.ts';
import { internetRealmId } from './network.ts';
import { fabricSpace } from './space.ts';
import { toPool } from './view.ts';

const field = 'pool.prefix';
// From the largest block that anybody holds to the smallest in which a unit and its neighbours fit.
const lengths = { 4: { shortest: 8, longest: 30 }, 6: { shortest: 20, longest: 64 } } as const;

/** Refuses `required`, `invalid`, `host-bits`, `excluded-space`, `overlap`, `already-exists`, `not-found` (realm). */
export function createPool(
  snapshot: Snapshot,
  request: CreatePoolRequest,
  context: CommandContext,
): Refusal | Decided<CreatePoolResponse> {
  const form = new Form();
  form.check(notReady(snapshot));
  const prefix = form.take(prefixField(field, request.prefix));
  form.check(textField('pool.description', request.description, 200));
  if (form.refusal !== undefined) return form.refusal;
  const realmId = request.realmId === '' ? internetRealmId : request.realmId;
  const realm = snapshot.realms.get(realmId);
  if (realm === undefined) return notFound('pool.realm_id', realmId, 'realm');
  const refusal =
    lengthRefusal(prefix) ?? excludedRefusal(snapshot, prefix) ?? overlapRefusal(snapshot, prefix, realmId);
  if (refusal !== undefined) return refusal;

  const id = poolId(prefix);
  const record = create(PoolSchema, {
    id,
    realmId,
    prefix,
    description: request.description,
    slabLength: slabLengthOf(prefix),
    createdAt: timestampFromDate(context.now),
  });
  return {
    decision: {
      // Of two overlapping pools that are created at once, each compares and rewrites the realm: one commits. The
      // network record stands for the fabric's addresses, which its commands rewrite it with.
      compares: [
        unchanged('network', networkId, snapshot.network),
        unchanged('realm', realmId, realm),
        unchanged('pool', id, undefined),
      ],
      writes: [
        { op: 'put', kind: 'realm', id: realmId, record: realm.record },
        { op: 'put', kind: 'pool', id, record },
      ],
    },
    response: create(CreatePoolResponseSchema, { pool: toPool(snapshot, { record }) }),
  };
}

function lengthRefusal(prefix: Prefix): Refusal | undefined {
  const { shortest, longest } = lengths[familyOf(prefix)];
  const length = prefixLength(prefix);
  if (length >= shortest && length <= longest) return undefined;
  return refuse('invalid', {
    field,
    value: prefix,
    problem: `is too ${length < shortest ? 'large' : 'small'} for a pool`,
    cure: `/${shortest} to /${longest}`,
  });
}

function excludedRefusal(snapshot: Snapshot, prefix: Prefix): Refusal | undefined {
  const documentation = snapshot.network?.record.allowDocumentationSpace ?? false;
  const excluded = excludedSpace(prefix, { documentation });
  if (excluded === undefined) return undefined;
  return refuse('excluded-space', {
    field,
    value: prefix,
    problem: `meets ${excluded.prefix}: ${excluded.what}, ${excluded.source}`,
    cure: 'public address space that is yours',
  });
}

function overlapRefusal(snapshot: Snapshot, prefix: Prefix, realmId: string): Refusal | undefined {
  for (const [id, { record }] of [...snapshot.pools].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (id === poolId(prefix)) return exists(field, prefix, `is a pool of the realm ${record.realmId} already`, '');
    const other = parsePrefix(record.prefix);
    if (record.realmId !== realmId || typeof other !== 'string' || !overlaps(other, prefix)) continue;
    return refuse('overlap', {
      field,
      value: prefix,
      problem: `overlaps the pool ${other} of the realm ${realmId}`,
      cure: 'pools of one realm lie side by side',
    });
  }
  const held = fabricSpace(snapshot).find((some) => overlaps(some.prefix, prefix));
  if (held === undefined) return undefined;
  return refuse('overlap', {
    field,
    value: prefix,
    problem: `holds ${held.prefix}, ${held.by}`,
    cure: "a pool holds none of the fabric's own addresses",
  });
}

// etcd takes 128 operations a transaction; the pool itself, its condition and the operation's record are among them.
const mostSlabs = 100;

/**
 * Refuses `not-found`, `stale-etag`, `in-use`. Slabs beyond the first hundred outlive the pool; a pool of the same
 * prefix takes them up again.
 */
export function deletePool(
  snapshot: Snapshot,
  request: DeletePoolRequest,
  _context: CommandContext,
): Refusal | Decided<DeletePoolResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const pool = findPool(snapshot, request.pool);
  if (isRefusal(pool)) return pool;
  const { id } = pool.record;
  const stale = staleEtag(request.change, pool.revision);
  if (stale !== undefined) return stale;
  const allocations = snapshot.poolUse.get(id)?.allocations ?? 0;
  if (allocations > 0) {
    return refuse('in-use', {
      field: 'pool',
      value: request.pool,
      problem: `holds the addresses of tunnels: ${allocations} allocations`,
      cure: 'delete the tunnels first',
    });
  }
  const compares: Compare[] = [
    unchanged('pool', id, pool),
    // A tunnel that is created meanwhile rewrites neither pool nor slab: only the absence of allocations shows it.
    { kind: 'allocation', id: `${id}/`, revision: 0n, within: true },
  ];
  const writes: Write[] = [{ op: 'delete', kind: 'pool', id }];
  const slabs = [...snapshot.slabs.keys()].filter((slab) => splitId(slab)?.poolId === id).sort();
  for (const slab of slabs.slice(0, mostSlabs)) {
    compares.push(unchanged('slab', slab, snapshot.slabs.get(slab)));
    writes.push({ op: 'delete', kind: 'slab', id: slab });
  }
  return { decision: { compares, writes }, response: create(DeletePoolResponseSchema) };
}
