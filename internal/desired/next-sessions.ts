// Next sessions: what shows that every interconnect of a node has its second link, with which a rotation ends.

import type { Snapshot } from '#internal/model/model.ts';
import { legsOf } from './legs.ts';
import { adjacencyName, sessionName } from './session-names.ts';

/**
 * By interconnect of the node, while a key of one of its ends is rotated: the BGP sessions, or the adjacencies of OSPF, over its second
 * link; none where the record has no second link.
 */
export function nextSessions(snapshot: Snapshot, nodeId: string): ReadonlyMap<string, readonly string[]> {
  const node = snapshot.nodes.get(nodeId)?.record;
  if (node === undefined) return new Map();
  const legs = legsOf(snapshot, node, { interconnectKeyFile: '' });
  const leaving = new Set(legs.filter((leg) => leg.leaving).map(({ interconnect }) => interconnect.id));
  const rotating = node.nextInterconnectPublicKey !== '';
  const found = new Map<string, readonly string[]>();
  for (const { interconnect, link, turn, ebgp, leaving: leaves } of legs) {
    const { id } = interconnect;
    if (leaving.has(id) && !leaves)
      found.set(
        id,
        ([4, 6] as const).map((family) => (ebgp ? sessionName(id, turn, family) : adjacencyName(link, family))),
      );
    else if (!leaving.has(id) && rotating) found.set(id, []);
  }
  return found;
}
