// Anycast groups: PoPs that share one endpoint and one key (adr/0029). A group begins as the endpoint of one PoP and ends as it.

import { clone, create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type AnycastGroup,
  AnycastGroupSchema,
  EndpointMode,
  type Pop,
  PopKind,
  PopSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type AnycastGroupState,
  AnycastGroupStateSchema,
  type CreateAnycastGroupRequest,
  type CreateAnycastGroupResponse,
  CreateAnycastGroupResponseSchema,
  type DeleteAnycastGroupRequest,
  type DeleteAnycastGroupResponse,
  DeleteAnycastGroupResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { popsOfGroup, type Snapshot } from '#internal/model/model.ts';
import { recoveryId, type Stored } from '#internal/model/record.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag, unchanged } from './context.ts';
import { exists, Form, idField, notFound, textField } from './fields.ts';
import { hasKeys, nodesOfPops } from './sealed.ts';

/** A group as answers show it: what is sealed is for who asks for it by its key. */
export function groupShown(snapshot: Snapshot, group: AnycastGroup): AnycastGroupState {
  const shown = clone(AnycastGroupSchema, group);
  shown.sealedAccessKey = {};
  if (shown.nextAccessKey !== undefined) shown.nextAccessKey.sealed = {};
  const pops = popsOfGroup(snapshot, group.id);
  const keys = [group.sealedAccessKey, group.nextAccessKey?.sealed ?? {}].filter(hasKeys);
  const without = nodesOfPops(snapshot, pops).filter(({ id }) => keys.some((sealed) => !Object.hasOwn(sealed, id)));
  return create(AnycastGroupStateSchema, {
    group: shown,
    pops: [...pops],
    withoutKey: without.map(({ id }) => id).sort(),
  });
}

/** Why a PoP in a group cannot be as it is; undefined: it can. Its routers announce the group's endpoint, which is on no LAN. */
export function unservable(field: string, pop: Pop): Refusal | undefined {
  if (pop.anycastGroupId === '' || pop.endpointMode !== EndpointMode.L2) return undefined;
  const problem = `is nothing for PoP ${pop.id} in the anycast group ${pop.anycastGroupId}, whose endpoint is announced by BGP`;
  return refuse('invalid', { field, value: 'l2', problem, cure: 'bgp' });
}

/** Why a PoP cannot be in a group at all, or not now; undefined: it can. */
export function ungroupable(field: string, pop: Pop): Refusal | undefined {
  const about = { field, value: pop.id };
  if (pop.anycastGroupId !== '') {
    const cure = 'a PoP that is in none: one is in one group at most';
    return refuse('in-use', { ...about, problem: `is in the anycast group ${pop.anycastGroupId} already`, cure });
  }
  if (pop.kind === PopKind.MICRO) {
    const problem = 'is a MICRO PoP, which has no place on the mesh that the PoPs of a group hear each other by';
    return refuse('invalid', { ...about, problem, cure: 'a CORE or a REGIONAL' });
  }
  if (pop.endpointMode === EndpointMode.L2) {
    const problem = 'has its endpoint on a LAN, where no other PoP can have it too';
    return refuse('invalid', { ...about, problem, cure: `pop44 pop update ${pop.id} --endpoint-mode bgp first` });
  }
  if (pop.nextAccessKey === undefined) return undefined;
  const cure = `pop44 pop key rotate ${pop.id} --finish or --cancel first`;
  return refuse('rotation-open', { ...about, problem: 'has two access keys now', cure });
}

/** Refuses `required`, `invalid`, `not-found`, `already-exists`, `in-use` (a PoP in a group), `rotation-open`. */
export function createAnycastGroup(
  snapshot: Snapshot,
  request: CreateAnycastGroupRequest,
  { now }: CommandContext,
): Refusal | Decided<CreateAnycastGroupResponse> {
  const { id, description, pop: popId } = request;
  const form = new Form();
  form.check(notReady(snapshot));
  form.check(idField('id', id));
  form.check(textField('description', description, 200));
  form.check(idField('pop', popId));
  if (form.refusal !== undefined) return form.refusal;
  if (snapshot.anycasts.has(id)) return exists('id', id, 'exists already', 'another id');
  const stored = snapshot.pops.get(popId);
  if (stored === undefined) return notFound('pop', popId, 'PoP');
  const refusal = ungroupable('pop', stored.record);
  if (refusal !== undefined) return refusal;
  const { endpoint4, endpoint6, endpointPort, publicKey, sealedAccessKey, accessKeyGeneration } = stored.record;
  const group = create(AnycastGroupSchema, {
    ...{ id, description, founderPopId: popId, endpoint4, endpoint6, endpointPort, publicKey },
    ...{ sealedAccessKey, accessKeyGeneration, createdAt: timestampFromDate(now) },
  });
  const founder = Object.assign(clone(PopSchema, stored.record), { anycastGroupId: id });
  const { compares, writes } = alone(snapshot);
  return {
    decision: {
      compares: [...compares, unchanged('anycast', id, undefined), unchanged('pop', popId, stored)],
      writes: [
        ...writes,
        { op: 'put', kind: 'anycast', id, record: group },
        { op: 'put', kind: 'pop', id: popId, record: founder },
      ],
    },
    response: create(CreateAnycastGroupResponseSchema, {
      group: { ...groupShown(snapshot, group), pops: [popId] },
    }),
  };
}

/** Why no PoP joins or leaves a group now; undefined: nothing is in the way. Each node of it is to have both keys until one is left. */
export function betweenKeys(field: string, group: AnycastGroup): Refusal | undefined {
  if (group.nextAccessKey === undefined) return undefined;
  const about = { field, value: group.id, problem: 'has two access keys now' };
  return refuse('rotation-open', {
    ...about,
    cure: `pop44 pop key rotate ${group.founderPopId} --finish or --cancel first`,
  });
}

export function groupToChange(snapshot: Snapshot, field: string, id: string): Stored<AnycastGroup> | Refusal {
  return snapshot.anycasts.get(id) ?? notFound(field, id, 'anycast group');
}

/**
 * Its founder goes on with the group's endpoint and key: no client notices.
 * Refuses `not-ready`, `not-found`, `stale-etag`, `in-use` (another PoP is in it), `rotation-open`.
 */
export function deleteAnycastGroup(
  snapshot: Snapshot,
  request: DeleteAnycastGroupRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteAnycastGroupResponse> {
  const stored = notReady(snapshot) ?? groupToChange(snapshot, 'id', request.id);
  if (isRefusal(stored)) return stored;
  const stale = staleEtag(request.change, stored.revision);
  if (stale !== undefined) return stale;
  const group = stored.record;
  const others = popsOfGroup(snapshot, group.id).filter((popId) => popId !== group.founderPopId);
  if (others.length > 0) {
    const problem = `has the PoPs ${others.join(', ')}, whose clients send to its endpoint`;
    const cure = `pop44 pop update ${others[0]} --no-anycast first`;
    return refuse('in-use', { field: 'id', value: group.id, problem, cure });
  }
  const between = betweenKeys('id', group);
  if (between !== undefined) return between;
  const { compares, writes } = alone(snapshot);
  const founder = snapshot.pops.get(group.founderPopId);
  return {
    decision: {
      compares: [
        ...compares,
        unchanged('anycast', group.id, stored),
        ...(founder === undefined ? [] : [unchanged('pop', founder.record.id, founder)]),
      ],
      writes: [
        ...writes,
        ...(founder === undefined
          ? []
          : [
              {
                op: 'put',
                kind: 'pop',
                id: founder.record.id,
                record: alonePop(snapshot, founder.record, group),
              } as const,
            ]),
        { op: 'delete', kind: 'anycast', id: group.id },
      ],
    },
    response: create(DeleteAnycastGroupResponseSchema),
  };
}

/** The founder as it is without its group. */
function alonePop(snapshot: Snapshot, pop: Pop, group: AnycastGroup): Pop {
  const { endpoint4, endpoint6, endpointPort, publicKey, accessKeyGeneration } = group;
  const own = new Set([recoveryId, ...nodesOfPops(snapshot, [pop.id]).map(({ id }) => id)]);
  const sealed = Object.entries(group.sealedAccessKey).filter(([id]) => own.has(id));
  return Object.assign(clone(PopSchema, pop), {
    ...{ endpoint4, endpoint6, endpointPort, publicKey, accessKeyGeneration },
    ...{ sealedAccessKey: Object.fromEntries(sealed), anycastGroupId: '' },
  });
}
