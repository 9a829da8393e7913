// Update PoP: what may change in a PoP's life.

import { clone, create } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Pop, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type UpdatePopRequest,
  type UpdatePopResponse,
  UpdatePopResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { unservable } from './anycast-groups.ts';
import { joined, left, type Membership } from './anycast-members.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { endpointModeField } from './endpoint-mode.ts';
import { notFound } from './fields.ts';
import { popShown } from './pop-access-key.ts';
import { singleHomedField } from './regional.ts';

function membership(snapshot: Snapshot, pop: Pop, request: UpdatePopRequest): Membership | undefined {
  const { anycastGroup: groupId, sealed, replace } = request;
  if (groupId === undefined) return undefined;
  return (groupId === '' ? left : joined)(snapshot, pop, { groupId, sealed, replace });
}

/**
 * Tunnels that are placed there stay. Refuses `required` (nothing to change, a gateway), `not-found`, `stale-etag`, `invalid`,
 * `already-exists` and `overlap` (a gateway), `in-use` (upstreams that hear of an endpoint), and what joined and left refuse.
 */
export function updatePop(
  snapshot: Snapshot,
  request: UpdatePopRequest,
  _context: CommandContext,
): Refusal | Decided<UpdatePopResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.pops.get(request.pop);
  if (stored === undefined) return notFound('pop', request.pop, 'PoP');
  const { singleHomed, endpointMode, gateway4, gateway6, anycastGroup } = request;
  const given = { singleHomed, endpointMode, gateway4, gateway6 };
  const changes = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  if (Object.keys(changes).length === 0 && anycastGroup === undefined) {
    const problem = 'is given nothing to change';
    const cure = 'single_homed, endpoint_mode, gateway4, gateway6 or anycast_group';
    return refuse('required', { field: 'pop', value: request.pop, problem, cure });
  }
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  // The stored message, so that fields of a newer daemon survive.
  const pop = Object.assign(clone(PopSchema, stored.record), changes);
  const member = membership(snapshot, pop, request);
  if (isRefusal(member)) return member;
  if (member !== undefined) pop.anycastGroupId = member.groupId;
  const refusal = singleHomedField(pop) ?? unservable('endpoint_mode', pop);
  if (refusal !== undefined) return refusal;
  const gateways = endpointModeField(snapshot, '', pop);
  if (isRefusal(gateways)) return gateways;
  Object.assign(pop, gateways);
  const draft = new Draft();
  draft.read('pop', pop.id, stored);
  draft.write({ op: 'put', kind: 'pop', id: pop.id, record: pop });
  if (member !== undefined) {
    const { group } = member;
    draft.read('anycast', group.id, snapshot.anycasts.get(group.id));
    draft.write({ op: 'put', kind: 'anycast', id: group.id, record: group });
  }
  const response = create(UpdatePopResponseSchema, { pop: popShown(pop) });
  const decision = draft.decision();
  if (member === undefined && pop.endpointMode === stored.record.endpointMode) return { decision, response };
  // What is created at the same moment rewrites the network record too: an upstream for what is announced no more, or a node to
  // which the group's key is not sealed.
  const { compares, writes } = alone(snapshot);
  return {
    decision: { compares: [...compares, ...decision.compares], writes: [...writes, ...decision.writes] },
    response,
  };
}
