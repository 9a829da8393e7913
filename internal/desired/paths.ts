// Paths: the links that lead from a node to others, for whoever judges them.

import type { Snapshot } from '#internal/model/model.ts';
import { legsOf } from './legs.ts';

export interface PathEnds {
  /** Name of the interface. */
  readonly link: string;
  readonly interconnectId: string;
  /** The node at its end. */
  readonly nodeId: string;
}

/** O(interconnects). One whose key is rotated has two links. */
export function pathsOf(snapshot: Snapshot, nodeId: string): readonly PathEnds[] {
  const node = snapshot.nodes.get(nodeId)?.record;
  if (node === undefined) return [];
  return legsOf(snapshot, node, { interconnectKeyFile: '' }).map(({ link, interconnect, far }) => ({
    ...{ link, interconnectId: interconnect.id, nodeId: far.id },
  }));
}
