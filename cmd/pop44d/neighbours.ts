// Neighbours: what the privileged half has counted of BGP sessions, for metrics, and of those that refuse for the mesh.

import type { BgpCounts } from '#internal/dataplane/dataplane.ts';
import { refusalsOf } from '#internal/desired/desired.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { FromDataplane } from '#internal/seam/seam.ts';
import type { Status } from '#internal/status/status.ts';

export interface NeighbourParts {
  readonly nodeId: string;
  readonly snapshot: () => Snapshot;
  readonly status: Pick<Status, 'update'>;
}

export interface Neighbours {
  heard(message: FromDataplane): void;
  counts(): readonly BgpCounts[];
  /** The privileged half is away: what it has told is of no moment that is known. */
  lost(): void;
}

export function createNeighbours({ nodeId, snapshot, status }: NeighbourParts): Neighbours {
  let counts: readonly BgpCounts[] = [];
  const take = (next: readonly BgpCounts[]): void => {
    counts = next;
    status.update({ refusals: refusalsOf(snapshot(), nodeId, counts) });
  };
  return {
    heard: (message) => {
      if (message.type === 'bgp-counts') take(message.sessions);
    },
    counts: () => counts,
    lost: () => take([]),
  };
}
