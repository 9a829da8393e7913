// Upstream columns: a transit session as a person reads it.

import type { Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Column, yesNo } from './layout.ts';

// records.proto, Plane: the generated constants would be loaded with every start.
export const planes = { transport: 1, pop: 2 } as const;
export const planeNames = Object.keys(planes);

export const upstreamColumns: readonly Column<Upstream>[] = [
  ['id', (upstream) => upstream.id],
  ['node', (upstream) => upstream.nodeId],
  ['plane', (upstream) => planeNames[upstream.plane - 1] ?? String(upstream.plane)],
  ['neighbor4', (upstream) => upstream.neighbor4],
  ['neighbor6', (upstream) => upstream.neighbor6],
  ['asn', (upstream) => String(upstream.neighborAsn)],
  ['bfd', (upstream) => yesNo(upstream.bfd)],
  ['blackhole', (upstream) => yesNo(upstream.blackhole)],
];
