// Anycast members: a PoP joins a group, or leaves it.

import { clone } from '@bufbuild/protobuf';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type AnycastGroup,
  AnycastGroupSchema,
  type Node,
  type Pop,
  type Tunnel,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { groupOf, popsOfGroup, type Snapshot } from '#internal/model/model.ts';
import { recoveryId } from '#internal/model/record.ts';
import { betweenKeys, groupToChange, ungroupable } from './anycast-groups.ts';
import { refusedPort } from './ports.ts';
import { hasKeys, nodesOfPops, type SealedByNode, sealedField } from './sealed.ts';

export interface MemberWish {
  /** Empty: none any more. */
  readonly groupId: string;
  readonly sealed: SealedByNode;
  /** Also when that takes an endpoint away from clients, or nodes cannot open what they are to serve. */
  readonly replace: boolean;
}

/** What becomes of the group's record; the PoP's is the caller's to write. */
export type Membership = { readonly groupId: string; readonly group: AnycastGroup } | Refusal;

/** What a change would do to tunnels, in words, and what there is to do about it. */
interface Harm {
  readonly problem: string;
  readonly cure: string;
}

/** In one sentence. */
const mostNamed = 10;

const counted = (tunnels: readonly Tunnel[]): string => `${tunnels.length} tunnel${tunnels.length === 1 ? '' : 's'}`;

/** Tunnels that are placed at one of these. O(tunnels). */
const placedAt = (snapshot: Snapshot, popIds: readonly string[]): readonly Tunnel[] =>
  [...snapshot.tunnels.values()].flatMap(({ record }) =>
    record.placement?.popIds.some((id) => popIds.includes(id)) === true ? [record] : [],
  );

/** A file may name the endpoint of any PoP that its tunnel is placed at. */
function cutOff(tunnels: readonly Tunnel[], whose: string): readonly Harm[] {
  if (tunnels.length === 0) return [];
  const problem = `carries ${counted(tunnels)}, whose files may name ${whose}`;
  return [{ problem, cure: 'their clients then need new files' }];
}

/** Where nothing can open a tunnel's pre-shared key, it is not carried. */
function unopened(tunnels: readonly Tunnel[], nodes: readonly Node[], by: readonly Node[]): readonly Harm[] {
  const closed = tunnels.filter(
    ({ sealedPresharedKey: sealed }) => hasKeys(sealed) && nodes.some(({ id }) => !Object.hasOwn(sealed, id)),
  );
  if (closed.length === 0) return [];
  const names = closed.map(({ id, owner, name }) => `${owner}/${name || id}`).sort();
  const named = names.slice(0, mostNamed).join(', ');
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '';
  const to = nodes.map(({ id }) => id).join(' ');
  return [
    {
      problem: `shares ${counted(closed)} with a pre-shared key that is not sealed to ${to.replaceAll(' ', ', ')}: ${named}${more}`,
      cure: `they are not served there until pop44 node reseal ${by[0]?.id ?? 'NODE'} --for ${to}`,
    },
  ];
}

function refusedFor(pop: Pop, harms: readonly Harm[], { replace }: MemberWish): Refusal | undefined {
  if (replace || harms.length === 0) return undefined;
  const problem = harms.map((harm) => harm.problem).join('; it ');
  const cure = `replace: ${harms.map((harm) => harm.cure).join('; ')}`;
  return refuse('in-use', { field: 'pop', value: pop.id, problem, cure });
}

/**
 * Refuses `not-found`, `in-use` (a PoP in a group; without replace, one whose tunnels' files name its endpoint, or tunnels of either
 * side whose pre-shared key is not sealed to the nodes of the other), `invalid`, `required` (sealed), `already-exists` (the group's
 * port is used there), `rotation-open`. O(tunnels).
 */
export function joined(snapshot: Snapshot, pop: Pop, wish: MemberWish): Membership {
  const stored = groupToChange(snapshot, 'anycast_group', wish.groupId);
  if (isRefusal(stored)) return stored;
  const group = stored.record;
  const others = popsOfGroup(snapshot, group.id);
  const [own, shared] = [nodesOfPops(snapshot, [pop.id]), nodesOfPops(snapshot, others)];
  const [here, there] = [placedAt(snapshot, [pop.id]), placedAt(snapshot, others)];
  const harms = [
    ...cutOff(here, 'the endpoint that it gives up'),
    ...unopened(here, shared, own),
    ...unopened(there, own, shared),
  ];
  const refusal = ungroupable('pop', pop) ?? betweenKeys('anycast_group', group) ?? refusedFor(pop, harms, wish);
  if (refusal !== undefined) return refusal;
  for (const node of own) {
    const used =
      group.endpointPort === pop.endpointPort
        ? undefined
        : refusedPort(snapshot, 'anycast_group', group.endpointPort, node);
    if (used !== undefined) return used;
  }
  const next = clone(AnycastGroupSchema, group);
  if (!hasKeys(group.sealedAccessKey) && !hasKeys(wish.sealed)) return { groupId: group.id, group: next };
  const unsealed = sealedField('sealed', wish.sealed, [...shared, ...own], { besides: [recoveryId] });
  if (unsealed !== undefined) return unsealed;
  next.sealedAccessKey = wish.sealed;
  return { groupId: group.id, group: next };
}

/**
 * Refuses `invalid` (in none), `in-use` (its founder; without replace, tunnels that no other PoP of the group goes on serving),
 * `rotation-open`.
 */
export function left(snapshot: Snapshot, pop: Pop, wish: MemberWish): Membership {
  const group = groupOf(snapshot, pop);
  const about = { field: 'pop', value: pop.id };
  if (group === undefined)
    return refuse('invalid', { ...about, problem: 'is in no anycast group', cure: 'nothing: it has its own endpoint' });
  if (group.founderPopId === pop.id) {
    const cure = `pop44 anycast delete ${group.id}, once the others have left`;
    return refuse('in-use', { ...about, problem: `is the PoP whose endpoint the group ${group.id} has`, cure });
  }
  const others = popsOfGroup(snapshot, group.id).filter((id) => id !== pop.id);
  // One that is placed at another PoP of the group too is found by the same file there.
  const alone = placedAt(snapshot, [pop.id]).filter(({ placement }) =>
    placement?.popIds.every((id) => !others.includes(id)),
  );
  const refusal =
    betweenKeys('anycast_group', group) ?? refusedFor(pop, cutOff(alone, 'the endpoint of the group'), wish);
  if (refusal !== undefined) return refusal;
  const next = clone(AnycastGroupSchema, group);
  for (const { id } of nodesOfPops(snapshot, [pop.id])) delete next.sealedAccessKey[id];
  return { groupId: '', group: next };
}
