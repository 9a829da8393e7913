// Matrix: who hears whom, a row for each listener, in lines that fit a terminal. Pure: text out of cells.

import type { PathReport } from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { GetMeshResponse, MeshCell } from '#internal/gen/pop44/v1/status_pb.ts';
import { harmless } from './layout.ts';

/** What a VT100 shows in a line, and what people's terminals open with. */
const widthOfTerminal = 80;

export const weightLegend = [
  'Row sends by column: weight of the path among equal ones, 16 a full share;',
  'd degraded, b bad, + put behind others as it flaps, - no path, ? not told.',
].join('\n');

export const legend = [
  'Row hears column: round trip in ms, ok when not measured yet, - not heard,',
  '! where one of the two alone hears the other, ? not known to who answers.',
].join('\n');

const rounded = (rttMs: number): string => (rttMs < 1 ? '<1' : rttMs.toFixed(0));

/** `12`, `<1`, `-`, each with `!` where the two sides differ, `ok` of one that is heard and not measured yet. */
function cellText(cell: MeshCell | undefined): string {
  if (cell === undefined) return '?';
  const { heard, oneWay, rttMs } = cell;
  const text = heard ? (rttMs === undefined ? 'ok' : rounded(rttMs)) : '-';
  return oneWay ? `${text}!` : text;
}

const marks: Readonly<Record<string, string>> = { good: '', degraded: 'd', bad: 'b' };

/** `16`, `4d`, `1b+`; of two links to one node the better one. */
function pathText(paths: readonly PathReport[]): string {
  const [best] = [...paths].sort((a, b) => Number(b.up) - Number(a.up) || b.weight - a.weight);
  if (best === undefined) return '-';
  return `${best.weight}${marks[best.verdict] ?? '?'}${best.detour ? '+' : ''}`;
}

/** What each node's paths are worth to it. Empty when no node tells of one. */
export function weightsText({ nodes }: GetMeshResponse): string {
  if (nodes.every(({ paths }) => paths.length === 0)) return '';
  const told = new Map(nodes.map(({ state, paths }) => [state?.node?.id ?? '', paths]));
  return gridText([...told.keys()], (from, to) => {
    const paths = told.get(from) ?? [];
    // A node that is not heard, or of a build that does not tell.
    return paths.length === 0 ? '?' : pathText(paths.filter(({ nodeId }) => nodeId === to));
  });
}

/** Who hears whom. */
export function matrixText({ nodes, cells }: GetMeshResponse): string {
  const byPair = new Map(cells.map((cell) => [`${cell.fromNodeId} ${cell.toNodeId}`, cell]));
  return gridText(
    nodes.map(({ state }) => state?.node?.id ?? ''),
    (from, to) => cellText(byPair.get(`${from} ${to}`)),
  );
}

/** Of each pair that is heard one way: `p1 hears p2, p2 does not hear p1`. */
export const oneWayText = ({ cells }: GetMeshResponse): string =>
  cells
    .filter(({ heard, oneWay }) => heard && oneWay)
    .map(({ fromNodeId: from, toNodeId: to }) => harmless(`${from} hears ${to}, ${to} does not hear ${from}`))
    .map((line) => `${line}\n`)
    .join('');

/**
 * Columns bear the numbers of the rows, so that twenty nodes fit; what does not fit goes on in a block below, with the names
 * again. Lines end with a newline.
 */
function gridText(ids: readonly string[], text: (from: string, to: string) => string): string {
  const rows = ids.map((from) => ids.map((to) => (from === to ? '.' : harmless(text(from, to)))));
  const digits = String(ids.length).length;
  const nameWidth = Math.max(0, ...ids.map((id) => id.length));
  const labels = ids.map((id, at) => `${String(at + 1).padStart(digits)} ${harmless(id).padEnd(nameWidth)}`);
  const labelWidth = digits + 1 + nameWidth;
  const cellWidth = Math.max(digits, ...rows.flat().map((text) => text.length)) + 1;
  const inBlock = Math.max(1, Math.floor((widthOfTerminal - labelWidth) / cellWidth));
  const blocks: string[] = [];
  for (let first = 0; first < ids.length; first += inBlock) {
    const line = (label: string, texts: readonly string[]): string =>
      `${label}${texts.map((text) => text.padStart(cellWidth)).join('')}`.trimEnd();
    const numbers = ids.map((_, at) => String(at + 1)).slice(first, first + inBlock);
    const lines = rows.map((row, at) => line(labels[at] ?? '', row.slice(first, first + inBlock)));
    blocks.push([line(' '.repeat(labelWidth), numbers), ...lines, ''].join('\n'));
  }
  return blocks.join('\n');
}
