// Delegate pool: a block of a pool becomes a pool of its own, at home at one PoP.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { choose, chooseBlock } from '#internal/allocator/allocator.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { AllocationSchema, type Pool, PoolSchema, SlabSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type DelegatePoolRequest,
  type DelegatePoolResponse,
  DelegatePoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { poolId, type Snapshot, slabLengthOf, standingPools } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import type { CommandContext, Decided } from './context.ts';
import { freeId } from './create-pool.ts';
import { lengthName, type WantedBlock, wantedBlock } from './delegated-block.ts';
import { Draft } from './draft.ts';
import { idField, notFound, textField } from './fields.ts';
import { poolToChange, prefixName } from './pool-fields.ts';
import { toPool } from './view.ts';

/**
 * A block longer than a slab of the parent is an allocation there, any other one to 64 whole slabs. Refuses `not-found`
 * (pool, PoP), `required`, `invalid` (length), `misaligned`, `family-mismatch`, `outside-pool`, `frozen`, `overlap`,
 * `taken`, `reserved`, `already-exists` (a pool that was created with that prefix), `pool-exhausted`.
 */
export function delegatePool(
  snapshot: Snapshot,
  request: DelegatePoolRequest,
  context: CommandContext,
): Refusal | Decided<DelegatePoolResponse> {
  const parent = poolToChange(snapshot, request);
  if (isRefusal(parent)) return parent;
  const { popId, description } = request;
  const around = standingPools(snapshot).get(parent.record.id);
  const refusal =
    idField('pool.pop_id', popId) ??
    textField('pool.description', description, 200) ??
    (snapshot.pops.has(popId) ? undefined : notFound('pool.pop_id', popId, 'PoP')) ??
    (around === undefined ? notFound('pool', request.pool, 'pool that stands') : undefined) ??
    (parent.record.frozen ? frozen(request.pool) : undefined);
  if (refusal !== undefined || around === undefined) return refusal ?? notFound('pool', request.pool, 'pool');
  const wanted = wantedBlock(request, around, parent.record);
  if (isRefusal(wanted)) return wanted;
  const taken = taking(snapshot, parent.record, { ...wanted, popId }, context);
  if (isRefusal(taken)) return taken;
  const { draft, prefix } = taken;
  const clash = freeId(snapshot, prefix);
  if (clash !== undefined) return clash;

  const record = create(PoolSchema, {
    id: poolId(prefix),
    realmId: parent.record.realmId,
    prefix,
    description,
    slabLength: slabLengthOf(prefix),
    createdAt: timestampFromDate(context.now),
    parentPoolId: parent.record.id,
    homePopId: popId,
    ...(parent.record.quarantineSeconds !== undefined && { quarantineSeconds: parent.record.quarantineSeconds }),
  });
  // Rewritten, so that of an allocation and a delegation of the same moment one commits.
  draft.read('pool', parent.record.id, parent);
  draft.write({ op: 'put', kind: 'pool', id: parent.record.id, record: parent.record });
  draft.read('pop', popId, snapshot.pops.get(popId));
  draft.read('pool', record.id, undefined);
  draft.write({ op: 'put', kind: 'pool', id: record.id, record });
  return {
    decision: draft.decision(),
    response: create(DelegatePoolResponseSchema, { pool: toPool(snapshot, { record }) }),
  };
}

function frozen(value: string): Refusal {
  return refuse('frozen', { field: 'pool', value, problem: 'gives nothing new: frozen', cure: 'another pool' });
}

// No owner's name (fields.ts): a delegation takes up nothing that waits in quarantine, for whomever.
const nobody = '-';

interface Taken {
  readonly draft: Draft;
  readonly prefix: Prefix;
}

function taking(
  snapshot: Snapshot,
  parent: Pool,
  wanted: WantedBlock & { readonly popId: string },
  context: CommandContext,
): Taken | Refusal {
  const field = wanted.prefix === undefined ? lengthName : prefixName;
  return wanted.length > parent.slabLength
    ? takingUnit(snapshot, parent, { ...wanted, field }, context)
    : takingSlabs(snapshot, parent, { ...wanted, field }, context);
}

type Block = WantedBlock & { readonly popId: string; readonly field: string };

function takingUnit(
  snapshot: Snapshot,
  parent: Pool,
  { length, prefix, popId, field }: Block,
  { freeIndex, now, unseen }: CommandContext,
): Taken | Refusal {
  const choice = choose(snapshot, freeIndex, {
    poolId: parent.id,
    unitLength: length,
    homePopId: popId,
    owner: nobody,
    unseen,
    field,
    ...(prefix && { prefix }),
  });
  if (isRefusal(choice)) return choice;
  const draft = new Draft();
  draft.read('slab', choice.slabId, { revision: choice.slabRevision });
  draft.read('allocation', choice.allocationId, { revision: choice.allocationRevision });
  if (choice.slabRevision === 0n) draft.write({ op: 'put', kind: 'slab', id: choice.slabId, record: choice.slab });
  const record = create(AllocationSchema, {
    poolId: parent.id,
    prefix: choice.prefix,
    createdAt: timestampFromDate(now),
    delegatedPoolId: poolId(choice.prefix),
  });
  draft.write({ op: 'put', kind: 'allocation', id: choice.allocationId, record });
  return { draft, prefix: choice.prefix };
}

function takingSlabs(
  snapshot: Snapshot,
  parent: Pool,
  { length, prefix, popId, field }: Block,
  { freeIndex, unseen }: CommandContext,
): Taken | Refusal {
  const block = chooseBlock(snapshot, freeIndex, {
    poolId: parent.id,
    length,
    unseen,
    field,
    ...(prefix && { prefix }),
  });
  if (isRefusal(block)) return block;
  const draft = new Draft();
  // None of them was cut: in a slab that is not there no allocation can be.
  for (const slab of block.slabs) {
    draft.read('slab', slab.slabId, slab);
    const record = create(SlabSchema, {
      poolId: parent.id,
      prefix: slab.prefix,
      unitLength: parent.slabLength,
      homePopId: popId,
      delegatedPoolId: poolId(block.prefix),
    });
    draft.write({ op: 'put', kind: 'slab', id: slab.slabId, record });
  }
  return { draft, prefix: block.prefix };
}
