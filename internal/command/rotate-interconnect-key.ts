// Rotate interconnect key: a node's next key is registered beside its current one, each of its interconnects gets a second
// link with it, and when all of them carry traffic the old key and the old links go (adr/0016).
//
// An admin only asks. The node makes the key pair, since the private half never leaves it, registers the public one
// (openInterconnectRotation) and ends the rotation (promoteInterconnectKey); both are decisions like any other.

import { clone, create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type Interconnect,
  type InterconnectKeyAge,
  InterconnectKeyAgeSchema,
  InterconnectSchema,
  type Node,
  NodeSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type RotateInterconnectKeyRequest,
  type RotateInterconnectKeyResponse,
  RotateInterconnectKeyResponseSchema,
} from '#internal/gen/pop44/v1/fabric_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import { alone, type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { keyField, notFound } from './fields.ts';
import { linkField } from './link-space.ts';
import { freePort } from './ports.ts';
import { revokedNode } from './revoke-node.ts';

/**
 * Of a node whose key is its operator's: of a new one, or one that comes back. Which links its interconnects are using goes
 * by the generation, so that it stays.
 */
export const operatorsKeyAge = (before: Node | undefined, now: Date): InterconnectKeyAge =>
  create(InterconnectKeyAgeSchema, {
    generation: before?.interconnectKeyAge?.generation ?? 0,
    since: timestampFromDate(now),
  });

const ageOf = (node: Node): InterconnectKeyAge => node.interconnectKeyAge ?? create(InterconnectKeyAgeSchema);

/**
 * Asks for the next key, or with `cancel` takes back what was asked, and the next key if there is one. Refuses
 * `not-found`, `stale-etag`, `rotation-open`, `invalid` (nothing to cancel).
 */
export function rotateInterconnectKey(
  snapshot: Snapshot,
  request: RotateInterconnectKeyRequest,
  context: CommandContext,
): Refusal | Decided<RotateInterconnectKeyResponse> {
  const unready = notReady(snapshot);
  if (unready !== undefined) return unready;
  const stored = snapshot.nodes.get(request.node);
  if (stored === undefined) return notFound('node', request.node, 'node');
  const revoked = revokedNode('node', stored.record);
  if (revoked !== undefined) return revoked;
  const byNode = context.principal.startsWith('node/');
  if (byNode || request.nextPublicKey !== '' || request.promote) return ownStep(snapshot, request, context);
  const node = clone(NodeSchema, stored.record);
  const age = ageOf(node);
  const open = node.nextInterconnectPublicKey !== '' || age.wantedAt !== undefined;
  const refusal = staleEtag(request.change, stored.revision) ?? unfit(request, open);
  if (refusal !== undefined) return refusal;
  if (request.cancel) {
    node.nextInterconnectPublicKey = '';
    node.interconnectKeyAge = create(InterconnectKeyAgeSchema, {
      generation: age.generation,
      made: age.made,
      // Else the schedule would begin it again at once.
      cancelledAt: timestampFromDate(context.now),
      ...(age.since === undefined ? {} : { since: age.since }),
    });
  } else {
    node.interconnectKeyAge = Object.assign(age, { wantedAt: timestampFromDate(context.now) });
  }
  const draft = new Draft();
  draft.read('node', node.id, stored);
  draft.write({ op: 'put', kind: 'node', id: node.id, record: node });
  return { decision: draft.decision(), response: create(RotateInterconnectKeyResponseSchema, { node }) };
}

/** What the node itself does, asked of a daemon that may write its record. */
function ownStep(
  snapshot: Snapshot,
  { node: nodeId, nextPublicKey, promote, cancel }: RotateInterconnectKeyRequest,
  { principal, now }: CommandContext,
): Refusal | Decided<RotateInterconnectKeyResponse> {
  const about = { field: 'node', value: nodeId };
  if (principal !== `node/${nodeId}`)
    return refuse('forbidden', {
      ...about,
      problem: `does this itself, and ${principal} is another`,
      cure: 'an admin, and no next_public_key and no promote',
    });
  if (cancel || (promote && nextPublicKey !== ''))
    return refuse('invalid', { ...about, problem: 'is given several steps', cure: 'one of them' });
  const publicKey = promote ? '' : keyField('next_public_key', nextPublicKey);
  if (isRefusal(publicKey)) return publicKey;
  const other = [...snapshot.nodes.values()].find(
    ({ record }) => !promote && [record.interconnectPublicKey, record.nextInterconnectPublicKey].includes(publicKey),
  );
  if (other !== undefined) {
    const problem = `is the key of node ${other.record.id}`;
    return refuse('duplicate-key', { field: 'next_public_key', value: publicKey, problem, cure: 'a new key pair' });
  }
  const decision = promote
    ? promoteInterconnectKey(snapshot, nodeId, now)
    : openInterconnectRotation(snapshot, { nodeId, publicKey, now });
  if (isRefusal(decision)) return decision;
  if (decision === undefined)
    return refuse('rotation-open', { ...about, problem: 'cannot do this now', cure: 'look at the records again' });
  const node = decision.writes.flatMap((write) =>
    write.op === 'put' && write.kind === 'node' ? [write.record] : [],
  )[0];
  return { decision, response: create(RotateInterconnectKeyResponseSchema, node === undefined ? {} : { node }) };
}

function unfit({ node, cancel }: RotateInterconnectKeyRequest, open: boolean): Refusal | undefined {
  if (cancel === open) return undefined;
  if (cancel) {
    const about = { field: 'cancel', value: node, problem: 'has no open rotation' };
    return refuse('invalid', { ...about, cure: 'a node that has one, as pop44 node list shows it' });
  }
  return refuse('rotation-open', {
    field: 'node',
    value: node,
    problem: 'is at it already',
    cure: 'wait, or pop44 node rotate-interconnect-key NODE --cancel',
  });
}

/** Interconnects of a node that have both ends. */
function linksOf(snapshot: Snapshot, nodeId: string) {
  return [...snapshot.interconnects.values()].flatMap((stored) => {
    const { nodeA, nodeB } = stored.record;
    if (nodeA !== nodeId && nodeB !== nodeId) return [];
    const far = snapshot.nodes.get(nodeA === nodeId ? nodeB : nodeA);
    return far === undefined ? [] : [{ stored, far }];
  });
}

/** Nodes in force at the far ends of its interconnects, sorted. */
export const neighboursOf = (snapshot: Snapshot, nodeId: string): readonly string[] =>
  [...new Set(linksOf(snapshot, nodeId).flatMap(({ far: { record } }) => (inForce(record) ? [record.id] : [])))].sort();

/** Of two ends only one rotates: which of the two links is the current one follows from both ends' generations. */
export const rotatingNeighbour = (snapshot: Snapshot, nodeId: string): string | undefined =>
  neighboursOf(snapshot, nodeId).find((id) => snapshot.nodes.get(id)?.record.nextInterconnectPublicKey !== '');

/** When the next key is due: 0 when an admin has asked; undefined while one is open. */
export function rotationDueMs(node: Node, everyMs: number): number | undefined {
  if (node.nextInterconnectPublicKey !== '') return undefined;
  const { wantedAt, since, cancelledAt } = ageOf(node);
  const from = [since, cancelledAt].flatMap((at) => (at === undefined ? [] : [timestampDate(at).getTime()]));
  return wantedAt !== undefined || from.length === 0 ? 0 : Math.max(...from) + everyMs;
}

/** A record with its other link, at the lowest addresses and ports that are free. */
export function withOtherLink(snapshot: Snapshot, interconnect: Interconnect): Interconnect | Refusal {
  if (interconnect.otherLink4 !== '' && interconnect.otherLink6 !== '') return interconnect;
  const [a, b] = [snapshot.nodes.get(interconnect.nodeA), snapshot.nodes.get(interconnect.nodeB)];
  const otherLink4 = linkField(snapshot, 'interconnect.other_link4', '', 4);
  const otherLink6 = linkField(snapshot, 'interconnect.other_link6', '', 6);
  if (isRefusal(otherLink4)) return otherLink4;
  if (isRefusal(otherLink6)) return otherLink6;
  return Object.assign(clone(InterconnectSchema, interconnect), {
    otherLink4,
    otherLink6,
    otherPortA: a === undefined ? 0 : freePort(snapshot, [a.record]),
    otherPortB: b === undefined ? 0 : freePort(snapshot, [b.record]),
  });
}

/**
 * Registers a node's next key and gives its interconnects their other links. Undefined when the node is not there, has a
 * next key already, or a neighbour has. Refuses `pool-exhausted`: no addresses are left for links.
 */
export function openInterconnectRotation(
  snapshot: Snapshot,
  { nodeId, publicKey, now }: { readonly nodeId: string; readonly publicKey: string; readonly now: Date },
): Decision | Refusal | undefined {
  const stored = snapshot.nodes.get(nodeId);
  if (stored === undefined || stored.record.nextInterconnectPublicKey !== '') return undefined;
  if (notReady(snapshot) !== undefined || rotatingNeighbour(snapshot, nodeId) !== undefined) return undefined;
  const node = clone(NodeSchema, stored.record);
  node.nextInterconnectPublicKey = publicKey;
  node.interconnectKeyAge = Object.assign(ageOf(node), { nextSince: timestampFromDate(now) });
  const draft = startedWith(snapshot, { node, stored });
  let chosen = snapshot;
  for (const { stored: before, far } of linksOf(snapshot, nodeId)) {
    const record = withOtherLink(chosen, before.record);
    if (isRefusal(record)) return record;
    const { id } = record;
    chosen = { ...chosen, interconnects: chosen.interconnects.set(id, { ...before, record }) };
    draft.read('interconnect', id, before);
    draft.read('node', far.record.id, far);
    if (record !== before.record) draft.write({ op: 'put', kind: 'interconnect', id, record });
  }
  return draft.decision();
}

/** Addresses and ports are chosen, and interconnects counted: as all of the fabric's commands, one at a time. */
function startedWith(snapshot: Snapshot, { node, stored }: { node: Node; stored: Stored<Node> }): Draft {
  const draft = new Draft();
  const { compares, writes } = alone(snapshot);
  for (const { kind, id, revision } of compares) draft.read(kind, id, { revision });
  for (const write of writes) draft.write(write);
  draft.read('node', node.id, stored);
  draft.write({ op: 'put', kind: 'node', id: node.id, record: node });
  return draft;
}

/** The next key is the node's from now on, and the old one nobody's. Undefined when there is none (any more). */
export function promoteInterconnectKey(snapshot: Snapshot, nodeId: string, now: Date): Decision | undefined {
  const stored = snapshot.nodes.get(nodeId);
  if (stored === undefined || stored.record.nextInterconnectPublicKey === '') return undefined;
  const node = clone(NodeSchema, stored.record);
  const { generation } = ageOf(node);
  node.interconnectPublicKey = node.nextInterconnectPublicKey;
  node.nextInterconnectPublicKey = '';
  node.interconnectKeyAge = create(InterconnectKeyAgeSchema, {
    generation: generation + 1,
    since: timestampFromDate(now),
    made: true,
  });
  return startedWith(snapshot, { node, stored }).decision();
}

/** An interconnect that comes while a key of an end is rotated would have no second link. */
export function rotatingEnd(nodes: readonly Node[]): Refusal | undefined {
  const node = nodes.find((each) => each.nextInterconnectPublicKey !== '');
  if (node === undefined) return undefined;
  return refuse('rotation-open', {
    field: 'interconnect',
    value: node.id,
    problem: 'is rotating its interconnect key',
    cure: 'wait until pop44 node list shows no rotation of it',
  });
}
