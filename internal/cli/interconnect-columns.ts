// Interconnect columns: a link between nodes as a person reads it.

import type { Interconnect } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Column } from './layout.ts';

export const interconnectColumns: readonly Column<Interconnect>[] = [
  ['id', (link) => link.id],
  ['a', (link) => link.nodeA],
  ['b', (link) => link.nodeB],
  ['link4', (link) => link.link4],
  ['link6', (link) => link.link6],
  ['port a', (link) => String(link.portA)],
  ['port b', (link) => String(link.portB)],
  ['mtu', (link) => String(link.mtu)],
  ['underlay a', (link) => link.underlayA],
  ['underlay b', (link) => link.underlayB],
];
