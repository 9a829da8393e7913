// PoP columns: a PoP as it is shown.

import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Column, timeText, yesNo } from './layout.ts';

// records.proto, PopKind: the generated constants would be loaded with every start.
export const kinds = { core: 1, regional: 2, micro: 3 } as const;
export type Kind = keyof typeof kinds;
export const kindNames = Object.keys(kinds);
const kindName = (kind: number): string => kindNames[kind - 1] ?? String(kind);

// records.proto, EndpointMode.
export const endpointModes = { bgp: 0, l2: 1 } as const;
export const modeNames = Object.keys(endpointModes);

export const popColumns: readonly Column<Pop>[] = [
  ['id', (pop) => pop.id],
  ['kind', (pop) => kindName(pop.kind)],
  ['endpoint4', (pop) => pop.endpoint4],
  ['endpoint6', (pop) => pop.endpoint6],
  ['port', (pop) => String(pop.endpointPort)],
  ['anycast', (pop) => pop.anycastGroupId],
  ['key changes', ({ nextAccessKey }) => (nextAccessKey?.takesOverAt ? timeText(nextAccessKey.takesOverAt) : '')],
  ['tunnels', (pop) => yesNo(pop.acceptsTunnels)],
  ['single-homed', (pop) => (pop.singleHomed ? 'yes' : '')],
  ['failure domain', (pop) => pop.failureDomain],
  ['description', (pop) => pop.description],
  // Last, so that who reads the others by their place goes on to.
  ['endpoint mode', (pop) => modeNames[pop.endpointMode] ?? String(pop.endpointMode)],
  ['gateway4', (pop) => pop.gateway4],
  ['gateway6', (pop) => pop.gateway6],
];
