// Last resort: the node that announces the pools also when it hears no other CORE, so that never all of them stop.

import { type Node, Plane, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce } from './in-force.ts';
import type { Snapshot } from './snapshot.ts';

/** Nodes of CORE PoPs that have somebody to announce the family's pools to, by id. O(nodes log nodes + upstreams). */
export function possibleOrigins(snapshot: Snapshot, family: 4 | 6): readonly Node[] {
  const announcing = new Set<string>();
  for (const { record } of snapshot.upstreams.values()) {
    const neighbor = family === 4 ? record.neighbor4 : record.neighbor6;
    if (record.plane === Plane.POP && neighbor !== '') announcing.add(record.nodeId);
  }
  return nodesInForce(snapshot).filter(
    ({ id, popId }) => announcing.has(id) && snapshot.pops.get(popId)?.record.kind === PopKind.CORE,
  );
}

/** The one that is named, or while that one cannot be it (revoked, no upstream left) the first; undefined: nobody could. */
export function lastResortOrigin(snapshot: Snapshot, family: 4 | 6): Node | undefined {
  const possible = possibleOrigins(snapshot, family);
  return possible.find(({ id }) => id === snapshot.network?.record.lastResortNodeId) ?? possible[0];
}
