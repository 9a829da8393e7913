// Takeover: an admin's order to the standby node of a pair, handed on to it by whichever daemon was asked.

import { siblingOfNode } from '#internal/desired/desired.ts';
import { refuse } from '#internal/errors/errors.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { Refused } from '#internal/rpc/rpc.ts';

export interface TakeoverParts {
  /** Gives why the node did not, empty when it did. */
  readonly takeOver?: (nodeId: string, signal: AbortSignal) => Promise<string>;
}

/** @throws Refused `not-found`, `invalid` (no pair), `unavailable` (it did not) */
export async function orderTakeover(
  { takeOver }: TakeoverParts,
  snapshot: Snapshot,
  node: string,
  signal: AbortSignal,
): Promise<void> {
  const fields = { field: 'node', value: node };
  if (!snapshot.nodes.has(node))
    throw new Refused(refuse('not-found', { ...fields, problem: 'is no node', cure: 'pop44 node list shows them' }));
  if (siblingOfNode(snapshot, node) === undefined) {
    const cure = 'a PoP of two nodes, each with a heartbeat address (pop44 node update --heartbeat)';
    throw new Refused(refuse('invalid', { ...fields, problem: 'has no sibling to take over from', cure }));
  }
  const problem = takeOver === undefined ? 'this daemon knows no way to it' : await takeOver(node, signal);
  if (problem === '') return;
  const cure = 'pop44 node list shows what is wrong with the pair';
  throw new Refused(refuse('unavailable', { ...fields, problem: `did not take over: ${problem}`, cure }));
}
