// Last core: an interconnect without which a node reaches no CORE of another PoP. Taken away, it cuts the node off, and
// nothing at the node can bring it back: its other end is gone as well.

import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Interconnect, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { inForce, type Snapshot } from '#internal/model/model.ts';

/** Whether an interconnect leads a node to a CORE of another PoP that is in force. */
function leadsToCore({ nodes, pops }: Snapshot, from: string, { nodeA, nodeB }: Interconnect): boolean {
  if (from !== nodeA && from !== nodeB) return false;
  const far = nodes.get(from === nodeA ? nodeB : nodeA)?.record;
  if (far === undefined || !inForce(far) || far.popId === nodes.get(from)?.record.popId) return false;
  return pops.get(far.popId)?.record.kind === PopKind.CORE;
}

/** Interconnects by which a node in force reaches a CORE of another PoP, by id. */
export const waysToCores = (snapshot: Snapshot, nodeId: string): readonly string[] =>
  [...snapshot.interconnects].flatMap(([id, { record }]) => (leadsToCore(snapshot, nodeId, record) ? [id] : [])).sort();

/** Another interconnect by which the node still reaches a CORE; undefined: it did not reach one by this one either. */
function otherWay(snapshot: Snapshot, nodeId: string, going: Interconnect): string | Refusal | undefined {
  const node = snapshot.nodes.get(nodeId)?.record;
  if (node === undefined || !inForce(node) || !leadsToCore(snapshot, nodeId, going)) return undefined;
  for (const [id, { record }] of snapshot.interconnects)
    if (id !== going.id && leadsToCore(snapshot, nodeId, record)) return id;
  return refuse('in-use', {
    field: 'interconnect',
    value: going.id,
    problem: `is the last one of node ${nodeId} with a CORE, which would be cut off`,
    cure: `pop44 interconnect create ${nodeId} and a node of another CORE before, or --force`,
  });
}

/**
 * The interconnects that must stay where this one goes, so that neither of its ends is cut off. O(interconnects).
 * Refuses `in-use`.
 */
export function staysReached(snapshot: Snapshot, going: Interconnect): readonly string[] | Refusal {
  const ways = [going.nodeA, going.nodeB].map((nodeId) => otherWay(snapshot, nodeId, going));
  const refused = ways.find(isRefusal);
  return refused ?? [...new Set(ways.filter((way) => typeof way === 'string'))];
}
