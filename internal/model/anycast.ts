// Anycast: PoPs that share an endpoint and a key, as everybody else sees them: a PoP as its clients meet it, and which PoPs carry
// what is placed at one of them.

import { clone } from '@bufbuild/protobuf';
import { type AnycastGroup, type Pop, PopSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from './snapshot.ts';

/** The group that a PoP is in. One that is gone, as only a hand takes it away, is none. */
export function groupOf(snapshot: Snapshot, pop: Pop): AnycastGroup | undefined {
  return pop.anycastGroupId === '' ? undefined : snapshot.anycasts.get(pop.anycastGroupId)?.record;
}

// PoPs change seldom and every tunnel asks for them; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['pops'], ReadonlyMap<string, readonly string[]>>();

/** Ids of a group's PoPs, sorted. */
export function popsOfGroup(snapshot: Snapshot, groupId: string): readonly string[] {
  let known = remembered.get(snapshot.pops);
  if (known === undefined) {
    const grouped = new Map<string, string[]>();
    for (const [id, { record }] of snapshot.pops) {
      if (record.anycastGroupId === '') continue;
      const ids = grouped.get(record.anycastGroupId);
      if (ids === undefined) grouped.set(record.anycastGroupId, [id]);
      else ids.push(id);
    }
    for (const ids of grouped.values()) ids.sort();
    known = grouped;
    remembered.set(snapshot.pops, known);
  }
  return known.get(groupId) ?? [];
}

/** PoPs that carry what is placed at these: they, in their order, and those that share a group with one of them. */
export function carryingPops(snapshot: Snapshot, popIds: readonly string[]): readonly string[] {
  const all = new Set(popIds);
  for (const id of popIds) {
    const pop = snapshot.pops.get(id)?.record;
    const group = pop && groupOf(snapshot, pop);
    if (group !== undefined) for (const other of popsOfGroup(snapshot, group.id)) all.add(other);
  }
  return [...all];
}

const served = new WeakMap<Pop, { readonly group: AnycastGroup; readonly pop: Pop }>();

/** The PoP with the endpoint and key that its clients use: of its group, where it is in one. The same value for the same records. */
export function servedPop(snapshot: Snapshot, pop: Pop): Pop {
  const group = groupOf(snapshot, pop);
  if (group === undefined) return pop;
  const known = served.get(pop);
  if (known?.group === group) return known.pop;
  const { endpoint4, endpoint6, endpointPort, publicKey, sealedAccessKey, accessKeyGeneration } = group;
  const { nextAccessKey } = group;
  const made = clone(PopSchema, pop);
  delete made.nextAccessKey;
  Object.assign(made, {
    ...{ endpoint4, endpoint6, endpointPort, publicKey, sealedAccessKey, accessKeyGeneration },
    ...(nextAccessKey && { nextAccessKey }),
  });
  served.set(pop, { group, pop: made });
  return made;
}
