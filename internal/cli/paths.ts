// Paths: what each node's ways to its neighbours are worth to it, and what it refuses of theirs.

import type { PathReport, RefusalReport } from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { GetMeshResponse } from '#internal/gen/pop44/v1/status_pb.ts';
import type { Column } from './layout.ts';

export interface PathFrom extends PathReport {
  readonly from: string;
}

export const pathColumns: readonly Column<PathFrom>[] = [
  ['from', ({ from }) => from],
  ['to', ({ nodeId }) => nodeId],
  ['interconnect', ({ interconnectId }) => interconnectId],
  ['link', ({ up }) => (up ? 'up' : 'down')],
  ['verdict', ({ verdict }) => verdict],
  ['weight', ({ weight, detour }) => `${weight}${detour ? '+' : ''}`],
  ['because', ({ troubles }) => troubles.join(' ')],
];

export interface RefusalFrom extends RefusalReport {
  readonly from: string;
}

export const refusalColumns: readonly Column<RefusalFrom>[] = [
  ['from', ({ from }) => from],
  ['neighbour', ({ neighbourId }) => neighbourId],
  ['session', ({ session }) => session],
  ['refused', ({ refused }) => String(refused)],
  ['taken', ({ imported }) => String(imported)],
  ['limit', ({ limit, limitHit }) => (limit === 0 ? '' : `${limit}${limitHit ? ' hit' : ''}`)],
];

export const refusalsOf = ({ nodes }: GetMeshResponse): readonly RefusalFrom[] =>
  nodes.flatMap(({ state, refusals }) => refusals.map((refusal) => ({ ...refusal, from: state?.node?.id ?? '' })));

export const pathsOf = ({ nodes }: GetMeshResponse): readonly PathFrom[] =>
  nodes.flatMap(({ state, paths }) => paths.map((path) => ({ ...path, from: state?.node?.id ?? '' })));
