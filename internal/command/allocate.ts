// Allocate: prefixes for an owner who has no tunnel for them, or not yet.

import { create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import {
  type AllocateRequest,
  type AllocateResponse,
  AllocateResponseSchema,
} from '#internal/gen/pop44/v1/allocations_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { choices, take } from './allocation.ts';
import { toAllocation } from './allocation-view.ts';
import { type CommandContext, type Decided, notReady } from './context.ts';
import { Draft } from './draft.ts';
import { Form, notFound, ownerField } from './fields.ts';

/**
 * All of the wishes or none. Refuses `invalid`, `not-found` (PoP), and what `choices` and `take` refuse. O(wishes × log of what exists).
 */
export function allocate(
  snapshot: Snapshot,
  request: AllocateRequest,
  context: CommandContext,
): Refusal | Decided<AllocateResponse> {
  const owner = request.owner === '' ? context.principal : request.owner;
  const homePopId = request.homePopId === '' ? context.localPopId : request.homePopId;
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(ownerField('owner', owner));
  if (form.refusal !== undefined) return form.refusal;
  const home = snapshot.pops.get(homePopId);
  if (home === undefined) return notFound('home_pop_id', homePopId, 'PoP');
  const asked = { wishes: request.wishes, owner, homePopId, forTunnel: false };
  const given = choices(snapshot, asked, context);
  if (isRefusal(given)) return given;

  const draft = new Draft();
  draft.read('pop', homePopId, home);
  const taken = take(snapshot, draft, given, { owner, tunnelId: '', now: context.now, field: 'owner' });
  if (isRefusal(taken)) return taken;
  const allocations = taken.map((record, at) =>
    toAllocation(snapshot, { record }, given[at]?.choice.slab.homePopId ?? ''),
  );
  return { decision: draft.decision(), response: create(AllocateResponseSchema, { allocations }) };
}
