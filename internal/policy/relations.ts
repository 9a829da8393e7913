// Relations: whose the thing is that a request names.

import { findTunnel } from '#internal/command/command.ts';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { emptySnapshot, groupOf, type Snapshot } from '#internal/model/model.ts';
import { findUser, noUser, ownerOf, type People } from '#internal/people/people.ts';

export interface World {
  readonly fabric: Snapshot;
  /** Absent where accounts cannot be read. */
  readonly people: People | undefined;
}

/** Of an owner, and on which PoPs; empty parts: nobody's, on none. */
export interface Owned {
  readonly owner: string;
  readonly popIds: readonly string[];
  /** What is answered to whom it is neither: as if there were no such thing. Absent: that it is another's. */
  readonly hidden?: Refusal;
}

/**
 * Undefined: it names what is not there, and the command will say so.
 * @param own owner of what is created without one
 */
export type Relation = (world: World, request: Named, own: string) => Owned | undefined;

/** What requests name things by; which of them one has is its schema's. */
interface Named {
  readonly [field: string]: unknown;
}

const text = (request: Named, field: string): string => {
  const value = request[field];
  return typeof value === 'string' ? value : '';
};
const inside = (request: Named, field: string): Named => {
  const value = request[field];
  return typeof value === 'object' && value !== null ? (value as Named) : {};
};

const nobodys: Owned = { owner: '', popIds: [] };
const onPops = (...popIds: readonly (string | undefined)[]): Owned =>
  ({
    owner: '',
    popIds: popIds.filter((popId) => popId !== undefined && popId !== ''),
  }) as Owned;

/** What is a whole anycast group's: its PoPs may be several people's. */
const ofGroup = (field: string, value: string): Owned => {
  const problem = 'is about the key of an anycast group, which is that of other PoPs too';
  return { ...nobodys, hidden: refuse('not-owner', { field, value, problem, cure: 'a global admin does it' }) };
};

const popOf = ({ fabric }: World, nodeId: string): string | undefined => fabric.nodes.get(nodeId)?.record.popId;

const tunnel: Relation = ({ fabric }, request) => {
  const ref = text(request, 'tunnel');
  if (ref === '') return nobodys;
  const stored = findTunnel(fabric, ref);
  if (isRefusal(stored)) {
    // That several have the name is nobody's business but of who sees all of them.
    return stored.refused === 'not-found' ? undefined : { ...nobodys, hidden: noTunnel(ref) };
  }
  const { owner, placement } = stored.record;
  return { owner, popIds: placement?.popIds.slice(0, 1) ?? [], hidden: noTunnel(ref) };
};

const nothing = emptySnapshot();
/** In the words of findTunnel for one that is not there. */
const noTunnel = (ref: string): Refusal => {
  const missing = findTunnel(nothing, ref);
  if (!isRefusal(missing)) throw new TypeError('a tunnel in an empty snapshot');
  return missing;
};

const newTunnel: Relation = (_, request, own) => {
  const [first = ''] = Array.isArray(request['popIds']) ? (request['popIds'] as readonly string[]) : [];
  return { owner: text(request, 'owner') || own, popIds: [text(request, 'homePopId') || first] };
};

export const relations = {
  tunnel,
  tunnelIfNamed: (world, request, own) =>
    text(request, 'tunnel') === '' ? { owner: own, popIds: [] } : tunnel(world, request, own),
  newTunnel,
  newAllocation: newTunnel,
  ownerField: (_, request, own) => ({ owner: text(request, 'owner') || own, popIds: [] }),
  // Who brings a PoP into a group writes the key of all its PoPs anew.
  pop: (_, request) =>
    text(request, 'anycastGroup') === ''
      ? onPops(text(request, 'pop'))
      : ofGroup('anycast_group', text(request, 'anycastGroup')),
  popId: (_, request) => onPops(text(request, 'popId')),
  popOfKey: ({ fabric }, request) => {
    const pop = fabric.pops.get(text(request, 'popId'))?.record;
    // The key of a group is that of other PoPs too.
    const group = pop && groupOf(fabric, pop);
    return group === undefined ? onPops(text(request, 'popId')) : ofGroup('pop_id', pop?.id ?? '');
  },
  node: (world, request) => onPops(popOf(world, text(request, 'node'))),
  nodeId: (world, request) => onPops(popOf(world, text(request, 'nodeId'))),
  newNode: (_, request) => onPops(text(inside(request, 'node'), 'popId')),
  newInterconnect: (world, request) =>
    onPops(popOf(world, text(request, 'nodeA')), popOf(world, text(request, 'nodeB'))),
  interconnect: (world, request) => {
    const link = world.fabric.interconnects.get(text(request, 'interconnect'))?.record;
    return link === undefined ? nobodys : onPops(popOf(world, link.nodeA), popOf(world, link.nodeB));
  },
  newUpstream: (world, request) => onPops(popOf(world, text(inside(request, 'upstream'), 'nodeId'))),
  upstream: (world, request) =>
    onPops(popOf(world, world.fabric.upstreams.get(text(request, 'upstream'))?.record.nodeId ?? '')),
  joinToken: (world, request) => onPops(world.fabric.jointokens.get(text(request, 'id'))?.record.node?.popId),
  account: ({ people }, request, own) => {
    const ref = text(request, 'user');
    if (ref === '') return { owner: own, popIds: [] };
    const stored = people === undefined ? undefined : findUser(people, ref);
    const owned =
      stored === undefined || isRefusal(stored) ? nobodys : { owner: ownerOf(stored.record.id), popIds: [] };
    return { ...owned, hidden: noUser(ref) };
  },
} as const satisfies Readonly<Record<string, Relation>>;
