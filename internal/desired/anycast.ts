// Anycast: the nodes of other PoPs that this one shares its endpoint and key with, and the link that leads to them
// (driver/anycast, adr/0029).

import { type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { anycastFwmark, anycastLink, anycastNumber, endpointTable } from '#internal/dataplane/ownership.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { carryingPops, nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { everyPort } from './ports.ts';
import type { View } from './self.ts';

/** Just after that of the access interface's own packets (ip.ts). */
const rulePriority = 4401;
const families = [4, 6] as const;

/** Nodes in force of the other PoPs of this node's anycast group, by number; none where it is in none. O(nodes). */
export function groupNodes(snapshot: Snapshot, near: Pick<Node, 'popId'>): readonly Node[] {
  const pops = new Set(carryingPops(snapshot, [near.popId]));
  pops.delete(near.popId);
  return pops.size === 0 ? [] : nodesInForce(snapshot).filter(({ popId, asn }) => pops.has(popId) && asn > 0);
}

export function anycast({ group, node, pop }: View, into: MutableDataplane): void {
  if (group.length === 0) return;
  put(into, 'anycast', {
    name: anycastLink,
    number: anycastNumber(node.asn),
    others: group.map(({ asn }) => anycastNumber(asn)).sort((a, b) => a - b),
    endpoints: [pop.endpoint4, pop.endpoint6].filter((address) => address !== '').sort(),
    // By any of them clients of either PoP may come.
    ports: [...everyPort(pop)].sort((a, b) => a - b),
  });
  for (const family of families)
    put(into, 'rule', {
      ...{ netns: 'transport', family, priority: rulePriority },
      ...{ fwmark: anycastFwmark, table: endpointTable },
    });
}
