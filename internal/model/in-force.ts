// In force: which nodes are spoken to and listened to. A revoked node's record stays, since without it nobody could tell a
// node that was shut out from one that is not known yet.

import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from './snapshot.ts';

export const inForce = (node: Node): boolean => node.revokedAt === undefined;

/** Sorted by id. */
export function nodesInForce(snapshot: Snapshot): readonly Node[] {
  return [...snapshot.nodes.values()]
    .map(({ record }) => record)
    .filter(inForce)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
