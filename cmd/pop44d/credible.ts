// Credible: whether a node may hold a tunnel at all. Other nodes are machines of their own, and one of them may have been broken
// into: what it invents takes no memory here, and it has a say in the tunnels alone that are placed at its PoP.

import { carryingPops, inForce, type Snapshot } from '#internal/model/model.ts';

/** O(PoPs of the tunnel). @param stale the records are those of a while ago: where tunnels are placed may have changed since */
export function mayHold(snapshot: Snapshot, nodeId: string, tunnelId: string, stale: boolean): boolean {
  const node = snapshot.nodes.get(nodeId)?.record;
  const tunnel = snapshot.tunnels.get(tunnelId)?.record;
  if (node === undefined || tunnel === undefined || !inForce(node)) return false;
  return stale || carryingPops(snapshot, tunnel.placement?.popIds ?? []).includes(node.popId);
}
