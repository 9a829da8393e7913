// Update PoP: what may change in a PoP's life.

import { clone, create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import { PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type UpdatePopRequest,
  type UpdatePopResponse,
  UpdatePopResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { notFound } from './fields.ts';
import { popShown } from './pop-access-key.ts';
import { singleHomedField } from './regional.ts';

/** Tunnels that are placed there stay. Refuses `required` (nothing to change), `not-found`, `stale-etag`, `invalid`. */
export function updatePop(
  snapshot: Snapshot,
  request: UpdatePopRequest,
  _context: CommandContext,
): Refusal | Decided<UpdatePopResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.pops.get(request.pop);
  if (stored === undefined) return notFound('pop', request.pop, 'PoP');
  const { singleHomed } = request;
  if (singleHomed === undefined) {
    const problem = 'is given nothing to change';
    return refuse('required', { field: 'pop', value: request.pop, problem, cure: 'single_homed' });
  }
  // The stored message, so that fields of a newer daemon survive.
  const pop = Object.assign(clone(PopSchema, stored.record), { singleHomed });
  const refusal = staleEtag(request.change, stored.revision) ?? singleHomedField(pop);
  if (refusal !== undefined) return refusal;
  const draft = new Draft();
  draft.read('pop', pop.id, stored);
  draft.write({ op: 'put', kind: 'pop', id: pop.id, record: pop });
  return { decision: draft.decision(), response: create(UpdatePopResponseSchema, { pop: popShown(pop) }) };
}
