// Sealed: the rules of a secret that was sealed to nodes. It is judged by its form alone, and no refusal repeats any of it.

import { type AgeRecipient, parseRecipient, sealedFault } from '#internal/age/age.ts';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';

/** By node id. */
export type SealedByNode = Readonly<Record<string, Uint8Array>>;

/** Whether anything was sealed to anybody. */
export const hasKeys = (sealed: SealedByNode): boolean => Object.keys(sealed).length > 0;

const byId = (a: Node, b: Node): number => (a.id < b.id ? -1 : 1);

// Nodes change seldom and every tunnel of a list asks for them; an immutable map is its own version.
const remembered = new WeakMap<Snapshot['nodes'], ReadonlyMap<string, readonly Node[]>>();

function nodesByPop(snapshot: Snapshot): ReadonlyMap<string, readonly Node[]> {
  const known = remembered.get(snapshot.nodes);
  if (known !== undefined) return known;
  const grouped = Map.groupBy([...nodesInForce(snapshot)].sort(byId), (node) => node.popId);
  remembered.set(snapshot.nodes, grouped);
  return grouped;
}

/** Nodes of PoPs that are in force, by id within each. O(PoPs asked for). */
export function nodesOfPops(snapshot: Snapshot, popIds: readonly string[]): readonly Node[] {
  const grouped = nodesByPop(snapshot);
  return popIds.flatMap((popId) => grouped.get(popId) ?? []);
}

/**
 * One sealed key for each of the nodes, none for others but those of `besides`. Refuses `required` (a node has none),
 * `invalid` (for a stranger, or not of the form of a sealed key).
 */
export function sealedField(
  field: string,
  sealed: SealedByNode,
  nodes: readonly Node[],
  { besides = [], secretBytes }: { readonly besides?: readonly string[]; readonly secretBytes?: number } = {},
): Refusal | undefined {
  const known = new Set([...nodes.map(({ id }) => id), ...besides]);
  for (const [id, file] of Object.entries(sealed)) {
    if (!known.has(id)) {
      const cure = `one for each of ${nodes.map((node) => node.id).join(', ') || 'no node'}`;
      return refuse('invalid', { field, value: shownId(id), problem: 'is no node that needs it', cure });
    }
    const fault = sealedFault(file, secretBytes);
    // What was sent in place of a ciphertext may be the secret: only its place is told.
    if (fault !== undefined)
      return refuse('invalid', { field: `${field}[${id}]`, problem: fault.problem, cure: fault.cure });
  }
  const without = nodes.find(({ id }) => !Object.hasOwn(sealed, id));
  if (without === undefined) return undefined;
  return refuse('required', {
    field: `${field}[${without.id}]`,
    problem: 'is missing',
    cure: 'seal it to every node that needs it',
  });
}

/** A key that was put in the place of an id is not repeated. */
const shownId = (id: string): string => (/^@?[a-z0-9-]{1,32}$/.test(id) ? id : '');

/** Refuses `required`, `invalid`. */
export function recipientField(field: string, value: string): AgeRecipient | Refusal {
  const cure = 'age1 and 58 characters, as printed by pop44d sealing-key';
  if (value === '') return refuse('required', { field, problem: 'is missing', cure });
  const recipient = parseRecipient(value);
  return typeof recipient === 'string' ? recipient : refuse('invalid', { field, value: shown(value), ...recipient });
}

/** Somebody who gives the identity in place of the recipient must not find it in a log. */
const shown = (value: string): string => (/secret/i.test(value) ? '' : value);

/** What each of the nodes can open. Refuses `not-ready` when one has no sealing key yet. */
export function recipientsOf(nodes: readonly Node[]): Readonly<Record<string, string>> | Refusal {
  const without = nodes.find(({ sealingPublicKey }) => sealingPublicKey === '');
  if (without !== undefined) {
    return refuse('not-ready', {
      field: 'node',
      value: without.id,
      problem: 'has no sealing key: nothing can be sealed to it',
      cure: `pop44d sealing-key on it, then pop44 node sealing-key ${without.id} age1...`,
    });
  }
  return Object.fromEntries(nodes.map(({ id, sealingPublicKey }) => [id, sealingPublicKey]));
}
