// Drained: what is known of a node that is to be taken out of use, as the mesh has told it.

import type { Carried } from '#internal/command/command.ts';
import { siblingOfNode } from '#internal/desired/desired.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Status } from '#internal/status/status.ts';

/** One whose clock is wrong calls nobody. */
const unable = ['clock-behind'];

export function carriedBy(snapshot: Snapshot, status: Pick<Status, 'of'>, nodeId: string): Carried {
  const siblingId = siblingOfNode(snapshot, nodeId);
  const sibling = siblingId === undefined ? undefined : status.of(siblingId);
  const inUse = siblingId !== undefined && snapshot.nodes.get(siblingId)?.record.drain === undefined;
  const well = sibling?.connected === true && !unable.includes(sibling.report.pairAlarm);
  return {
    carries: status.of(nodeId)?.report.role === 'active',
    relieved: inUse && well && ['active', 'standby'].includes(sibling.report.role),
  };
}
