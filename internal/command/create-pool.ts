// Create pool: a prefix to cut from.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Refusal } from '#internal/errors/errors.ts';
import { PoolSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type CreatePoolRequest,
  type CreatePoolResponse,
  CreatePoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { networkId, poolId, type Snapshot, slabLengthOf } from '#internal/model/model.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { type CommandContext, type Decided, notReady } from './context.ts';
import { Draft } from './draft.ts';
import { exists, Form, notFound, prefixField, textField } from './fields.ts';
import { internetRealmId } from './network.ts';
import {
  excludedRefusal,
  homeField,
  lengthRefusal,
  overlapRefusal,
  prefixName,
  quarantineField,
} from './pool-fields.ts';
import { toPool } from './view.ts';

/** Refuses `required`, `invalid`, `host-bits`, `excluded-space`, `overlap`, `already-exists`, `not-found` (realm, PoP). */
export function createPool(
  snapshot: Snapshot,
  request: CreatePoolRequest,
  context: CommandContext,
): Refusal | Decided<CreatePoolResponse> {
  const { description, homePopId, quarantineSeconds } = request;
  const form = new Form();
  form.check(notReady(snapshot));
  const prefix = form.take(prefixField(prefixName, request.prefix));
  form.check(textField('pool.description', description, 200));
  form.check(quarantineField(quarantineSeconds));
  if (form.refusal !== undefined) return form.refusal;
  const realmId = request.realmId === '' ? internetRealmId : request.realmId;
  const realm = snapshot.realms.get(realmId);
  if (realm === undefined) return notFound('pool.realm_id', realmId, 'realm');
  const refusal =
    lengthRefusal(prefix) ??
    excludedRefusal(snapshot, prefix) ??
    freeId(snapshot, prefix) ??
    overlapRefusal(snapshot, prefix, realmId) ??
    homeField(snapshot, homePopId);
  if (refusal !== undefined) return refusal;

  const id = poolId(prefix);
  const record = create(PoolSchema, {
    id,
    realmId,
    prefix,
    description,
    slabLength: slabLengthOf(prefix),
    createdAt: timestampFromDate(context.now),
    homePopId,
    ...(quarantineSeconds !== undefined && { quarantineSeconds }),
  });
  const draft = new Draft();
  // Of two overlapping pools that are created at once, each compares and rewrites the realm: one commits. The network
  // record stands for the fabric's addresses, which its commands rewrite it with.
  draft.read('network', networkId, snapshot.network);
  draft.read('realm', realmId, realm);
  draft.read('pool', id, undefined);
  if (homePopId !== '') draft.read('pop', homePopId, snapshot.pops.get(homePopId));
  draft.write({ op: 'put', kind: 'realm', id: realmId, record: realm.record });
  draft.write({ op: 'put', kind: 'pool', id, record });
  return {
    decision: draft.decision(),
    response: create(CreatePoolResponseSchema, { pool: toPool(snapshot, { record }) }),
  };
}

/** A pool keeps the id of its first prefix when it is resized, and a prefix has one id in all realms. */
export function freeId(snapshot: Snapshot, prefix: Prefix): Refusal | undefined {
  const holder = snapshot.pools.get(poolId(prefix))?.record;
  if (holder === undefined) return undefined;
  const problem =
    holder.prefix === prefix
      ? `is a pool of the realm ${holder.realmId} already`
      : `spells the id of the pool ${holder.prefix}, which was created with it`;
  return exists(prefixName, prefix, problem, '');
}
