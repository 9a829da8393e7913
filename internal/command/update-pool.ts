// Update pool: what may change in a pool's life besides its size.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { PoolSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type UpdatePoolRequest,
  type UpdatePoolResponse,
  UpdatePoolResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';
import { Draft } from './draft.ts';
import { Form, textField } from './fields.ts';
import { homeField, poolToChange, quarantineField } from './pool-fields.ts';
import { toPool } from './view.ts';

const changeable = ['description', 'frozen', 'quarantineSeconds', 'homePopId'] as const;

/**
 * Fields that are unset stay. Unfreezing ends a drain. A home holds for the slabs that are cut from now on, a quarantine
 * for what is released from now on. Refuses `required` (nothing to change), `not-found` (pool, PoP), `stale-etag`,
 * `invalid`.
 */
export function updatePool(
  snapshot: Snapshot,
  request: UpdatePoolRequest,
  _context: CommandContext,
): Refusal | Decided<UpdatePoolResponse> {
  const stored = poolToChange(snapshot, request);
  if (isRefusal(stored)) return stored;
  if (changeable.every((field) => request[field] === undefined)) {
    const cure = 'description, frozen, quarantine_seconds or home_pop_id';
    return refuse('required', { field: 'pool', value: request.pool, problem: 'is given nothing to change', cure });
  }
  const form = new Form();
  form.check(textField('pool.description', request.description ?? '', 200));
  form.check(quarantineField(request.quarantineSeconds));
  form.check(homeField(snapshot, request.homePopId ?? ''));
  if (form.refusal !== undefined) return form.refusal;

  // The stored message, so that fields of a newer daemon survive.
  const record = clone(PoolSchema, stored.record);
  record.description = request.description ?? record.description;
  record.frozen = request.frozen ?? record.frozen;
  if (!record.frozen) record.drainToPoolId = '';
  if (request.quarantineSeconds !== undefined) record.quarantineSeconds = request.quarantineSeconds;
  record.homePopId = request.homePopId ?? record.homePopId;
  const draft = new Draft();
  draft.read('pool', record.id, stored);
  if (request.homePopId) draft.read('pop', request.homePopId, snapshot.pops.get(request.homePopId));
  draft.write({ op: 'put', kind: 'pool', id: record.id, record });
  return {
    decision: draft.decision(),
    response: create(UpdatePoolResponseSchema, { pool: toPool(snapshot, { record }) }),
  };
}
