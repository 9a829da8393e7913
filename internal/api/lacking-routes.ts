// Lacking routes: which nodes have not all sessions of both routings of the fabric, as the mesh has told.

import { routingsReady } from '#internal/desired/desired.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import type { Status } from '#internal/status/status.ts';

/** In words, by node id; none: every trusted node has them all. O(nodes). */
export function lackingRoutes(snapshot: Snapshot, status: Pick<Status, 'of'>): readonly string[] {
  return nodesInForce(snapshot).flatMap(({ id, popId }) => {
    if (snapshot.pops.get(popId)?.record.kind === PopKind.MICRO) return [];
    const known = status.of(id);
    if (known?.connected !== true) return [`${id} is not heard`];
    const { routingChange } = known.report;
    return routingChange === routingsReady ? [] : [`${id} ${routingChange || 'has not begun'}`];
  });
}
