// Takeover: an admin's order to the standby node of a pair, handed on to it by whichever daemon was asked.

import { siblingOfNode } from '#internal/desired/desired.ts';
import { messageOf, refuse } from '#internal/errors/errors.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { Refused } from '#internal/rpc/rpc.ts';

export interface TakeoverParts {
  /** Gives why the node did not, empty when it did. */
  readonly takeOver?: (nodeId: string, signal: AbortSignal) => Promise<string>;
}

const isCore = ({ nodes, pops }: Snapshot, nodeId: string): boolean =>
  pops.get(nodes.get(nodeId)?.record.popId ?? '')?.record.kind === PopKind.CORE;

/** @throws Refused `not-found`, `invalid` (no pair), `in-use` (drained), `forbidden` (not by way of this node), `unavailable` (it did not) */
export async function orderTakeover(
  { takeOver, config }: TakeoverParts & { readonly config: { readonly nodeId: string } },
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
  if (snapshot.nodes.get(node)?.record.drain !== undefined)
    throw new Refused(refuse('in-use', { ...fields, problem: 'is drained', cure: `pop44 node undrain ${node}` }));
  // The node itself would refuse (policy.ts), in words that help nobody.
  if (node !== config.nodeId && !isCore(snapshot, config.nodeId)) {
    const own = `takes orders from nodes of CORE PoPs, and ${config.nodeId} is none`;
    throw new Refused(refuse('forbidden', { ...fields, problem: own, cure: `ask a CORE node, or ${node} itself` }));
  }
  const problem =
    takeOver === undefined
      ? 'this daemon knows no way to it'
      : await takeOver(node, signal).catch((cause: unknown) => `it may have, but ${messageOf(cause)}`);
  if (problem === '') return;
  const cure = 'pop44 node list shows what is wrong with the pair';
  throw new Refused(refuse('unavailable', { ...fields, problem: `did not take over: ${problem}`, cure }));
}
