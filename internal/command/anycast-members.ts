// Anycast members: a PoP joins a group, or leaves it.

import { clone } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type AnycastGroup, AnycastGroupSchema, type Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { groupOf, popsOfGroup, type Snapshot } from '#internal/model/model.ts';
import { recoveryId } from '#internal/model/record.ts';
import { groupToChange, ungroupable } from './anycast-groups.ts';
import { refusedPort } from './ports.ts';
import { hasKeys, nodesOfPops, type SealedByNode, sealedField } from './sealed.ts';

export interface MemberWish {
  /** Empty: none any more. */
  readonly groupId: string;
  readonly sealed: SealedByNode;
  /** Also when that takes the endpoint away from clients. */
  readonly replace: boolean;
}

/** What becomes of the group's record; the PoP's is the caller's to write. */
export type Membership = { readonly groupId: string; readonly group: AnycastGroup } | Refusal;

/** Their files are of its endpoint. O(tunnels). */
function cutOff(snapshot: Snapshot, pop: Pop, { replace }: MemberWish): Refusal | undefined {
  if (replace) return undefined;
  let count = 0;
  for (const { record } of snapshot.tunnels.values()) if (record.placement?.popIds[0] === pop.id) count += 1;
  if (count === 0) return undefined;
  const problem = `is the home of ${count} tunnel${count === 1 ? '' : 's'}, whose files name the endpoint that it gives up`;
  const cure = 'replace: their clients then need new files';
  return refuse('in-use', { field: 'pop', value: pop.id, problem, cure });
}

/**
 * Refuses `not-found`, `in-use` (a PoP in a group, or home of tunnels without replace), `invalid`, `required` (sealed),
 * `already-exists` (the group's port is used there), `rotation-open`.
 */
export function joined(snapshot: Snapshot, pop: Pop, wish: MemberWish): Membership {
  const stored = groupToChange(snapshot, 'anycast_group', wish.groupId);
  if (isRefusal(stored)) return stored;
  const group = stored.record;
  const refusal = ungroupable('pop', pop) ?? cutOff(snapshot, pop, wish);
  if (refusal !== undefined) return refusal;
  const own = nodesOfPops(snapshot, [pop.id]);
  for (const node of own) {
    const used =
      group.endpointPort === pop.endpointPort
        ? undefined
        : refusedPort(snapshot, 'anycast_group', group.endpointPort, node);
    if (used !== undefined) return used;
  }
  const next = clone(AnycastGroupSchema, group);
  if (!hasKeys(group.sealedAccessKey) && !hasKeys(wish.sealed)) return { groupId: group.id, group: next };
  const nodes = nodesOfPops(snapshot, [...popsOfGroup(snapshot, group.id), pop.id]);
  const unsealed = sealedField('sealed', wish.sealed, nodes, { besides: [recoveryId] });
  if (unsealed !== undefined) return unsealed;
  next.sealedAccessKey = wish.sealed;
  return { groupId: group.id, group: next };
}

/** Refuses `invalid` (in none), `in-use` (its founder, or home of tunnels without replace). */
export function left(snapshot: Snapshot, pop: Pop, wish: MemberWish): Membership {
  const group = groupOf(snapshot, pop);
  const about = { field: 'pop', value: pop.id };
  if (group === undefined)
    return refuse('invalid', { ...about, problem: 'is in no anycast group', cure: 'nothing: it has its own endpoint' });
  if (group.founderPopId === pop.id) {
    const cure = `pop44 anycast delete ${group.id}, once the others have left`;
    return refuse('in-use', { ...about, problem: `is the PoP whose endpoint the group ${group.id} has`, cure });
  }
  const refusal = cutOff(snapshot, pop, wish);
  if (refusal !== undefined) return refusal;
  const next = clone(AnycastGroupSchema, group);
  for (const { id } of nodesOfPops(snapshot, [pop.id])) delete next.sealedAccessKey[id];
  return { groupId: '', group: next };
}
