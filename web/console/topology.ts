// Topology: PoPs and the links between them, drawn twice: on an ellipse, and in two columns for a phone. Pure.

import { html, type Html, nothing } from '../html.ts';
import { type Column, table } from '../table.ts';
import { type Cells, shown } from './cells.ts';
import type { Network } from './network.ts';

interface Place {
  readonly x: number;
  readonly y: number;
}

/** All lengths in user units of the drawing, which is `width` of them wide. */
export interface Drawing {
  readonly name: 'wide' | 'tall';
  readonly width: number;
  readonly height: (pops: number) => number;
  readonly box: { readonly width: number; readonly height: number };
  readonly tag: { readonly width: number; readonly height: number };
  /** Characters that a box has room for. */
  readonly most: { readonly name: number; readonly state: number };
  /** In the order of a ring: who stands beside whom here does so in every drawing. */
  places(ids: readonly string[]): ReadonlyMap<string, Place>;
}

const tag = { width: 54, height: 18 };

/** One alone stands in the middle; two side by side; more on an ellipse, the first at the top. */
export const wide: Drawing = {
  ...{ name: 'wide', width: 720, box: { width: 150, height: 58 }, tag, most: { name: 18, state: 26 } },
  // A few PoPs want less of it.
  height: (pops) => (pops <= 2 ? 130 : pops === 3 ? 300 : 400),
  places(ids) {
    const height = wide.height(ids.length);
    const [centre, radius] = [
      { x: wide.width / 2, y: height / 2 },
      { x: wide.width / 2 - 95, y: height / 2 - 50 },
    ];
    if (ids.length === 1) return new Map(ids.map((id) => [id, centre]));
    const turn = ids.length === 2 ? Math.PI : -Math.PI / 2;
    return new Map(
      ids.map((id, at) => {
        const angle = turn + (2 * Math.PI * at) / ids.length;
        const [x, y] = [centre.x + radius.x * Math.cos(angle), centre.y + radius.y * Math.sin(angle)];
        return [id, { x: Math.round(x), y: Math.round(y) }];
      }),
    );
  },
};

const rowHeight = 92;
const rowsOf = (pops: number): number => Math.ceil((pops - 1) / 2) + 1;

/** The first at the top, the others down the right column and up the left one; an even one out stands at the bottom. */
export const tall: Drawing = {
  ...{ name: 'tall', width: 250, box: { width: 97, height: 50 }, tag: { width: 46, height: 17 } },
  most: { name: 13, state: 17 },
  height: (pops) => rowsOf(pops) * rowHeight - 32,
  places(ids) {
    const [middle, side] = [tall.width / 2, 76];
    const y = (row: number): number => 30 + row * rowHeight;
    const pairs = Math.floor((ids.length - 1) / 2);
    return new Map(
      ids.map((id, at) => {
        if (at === 0) return [id, { x: middle, y: y(0) }];
        if (at <= pairs) return [id, { x: middle + side, y: y(at) }];
        if (at === pairs + 1 && ids.length % 2 === 0) return [id, { x: middle, y: y(pairs + 1) }];
        return [id, { x: middle - side, y: y(ids.length - at) }];
      }),
    );
  },
};

/** Where a link runs, and the middle of it; `number` of those between the same two boxes are drawn before it. */
function way(drawing: Drawing, a: Place, b: Place, number: number): { readonly d: string; readonly middle: Place } {
  const isSteep = Math.abs(b.y - a.y) > Math.abs(b.x - a.x);
  // To and fro beside the straight line: 0, 1, -1, 2, ... so far apart that what is told of each can be read.
  const apart = isSteep ? drawing.tag.width + 2 : drawing.tag.height + 2;
  const shift = Math.ceil(number / 2) * (number % 2 === 0 ? -1 : 1) * apart;
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [dx, dy] = [(-(b.y - a.y) / length) * shift, ((b.x - a.x) / length) * shift];
  const [from, to] = [
    { x: a.x + dx, y: a.y + dy },
    { x: b.x + dx, y: b.y + dy },
  ];
  // Past the boxes that stand between the two in their column.
  const isPast = drawing.name === 'tall' && a.x === b.x && Math.abs(b.y - a.y) > rowHeight;
  const bend = isPast ? (a.x > drawing.width / 2 ? -1 : 1) * (drawing.box.width + 36) : 0;
  const middle = { x: (from.x + to.x + bend) / 2, y: (from.y + to.y) / 2 };
  const point = ({ x, y }: Place): string => `${Number(x.toFixed(1))} ${Number(y.toFixed(1))}`;
  const control = { x: (from.x + to.x) / 2 + bend, y: middle.y };
  return { d: `M${point(from)}${isPast ? `Q${point(control)} ` : 'L'}${point(to)}`, middle };
}

/** As web/browser/console.ts cuts what comes live. */
const cut = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

function draw(drawing: Drawing, { pops, mesh, interconnects }: Network, cells: Cells): Html {
  const { name, width, height, box, most } = drawing;
  const at = drawing.places(pops.map(({ id }) => id));
  const popOf = new Map(mesh.nodes.map(({ state }) => [state?.node?.id ?? '', state?.node?.popId ?? '']));
  const drawn = new Map<string, number>();
  const colour = (key: string): string => cells.get(key)?.colour ?? '';
  const links = interconnects.map(({ id, nodeA, nodeB }) => {
    const [popA = '', popB = ''] = [popOf.get(nodeA), popOf.get(nodeB)];
    const [a, b] = [at.get(popA), at.get(popB)];
    if (a === undefined || b === undefined || popA === popB) return nothing;
    const pair = [popA, popB].sort().join(' ');
    const number = drawn.get(pair) ?? 0;
    drawn.set(pair, number + 1);
    // The same way round, whichever end is named first: two links are beside each other then, and not upon each other.
    const { d, middle } = popA < popB ? way(drawing, a, b, number) : way(drawing, b, a, number);
    const rtt = cells.get(`link/${id}/rtt`)?.text ?? '';
    const [x, y] = [middle.x - drawing.tag.width / 2, middle.y - drawing.tag.height / 2];
    return html`<path d="${d}" data-cell="${`link/${id}`}" data-base="" data-shape="yes" class="${colour(`link/${id}`)}"><title>${`${nodeA} – ${nodeB}`}</title></path><rect class="tag" x="${x}" y="${y}" width="${drawing.tag.width}" height="${drawing.tag.height}" rx="4"/><text class="small" x="${middle.x}" y="${middle.y + 4}" text-anchor="middle" data-cell="${`link/${id}/rtt`}" data-base="small">${rtt}</text>`;
  });
  const boxes = pops.map(({ id }) => {
    const place = at.get(id) ?? { x: 0, y: 0 };
    const [x, y] = [place.x - box.width / 2, place.y - box.height / 2];
    const key = `pop/${id}`;
    return html`<rect class="${`pop ${colour(key)}`}" x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="9" data-cell="${key}" data-base="pop" data-shape="yes"/><text x="${place.x}" y="${place.y - 4}" text-anchor="middle">${cut(id, most.name)}</text><text class="small" x="${place.x}" y="${place.y + 14}" text-anchor="middle" data-cell="${key}" data-base="small" data-most="${most.state}">${cut(cells.get(key)?.text ?? '', most.state)}</text>`;
  });
  return html`<svg class="${`map ${name}`}" viewBox="0 0 ${width} ${height(pops.length)}" role="img" aria-label="PoPs and the links between them; the table below says the same">${links}${boxes}</svg>`;
}

/** Both drawings: a style shows the one that there is room for. */
export const topology = (network: Network, cells: Cells): Html =>
  network.pops.length === 0 ? nothing : html`${draw(wide, network, cells)}${draw(tall, network, cells)}`;

const columns: readonly Column[] = [
  { label: 'Link', kind: 'name' },
  { label: 'State', kind: 'corner' },
  { label: 'RTT' },
];

/** The same for who does not see it. */
export function linkTable({ interconnects }: Network, cells: Cells): Html {
  if (interconnects.length === 0) return html`<p class="soft">There is no interconnect yet.</p>`;
  const rows = interconnects.map(({ id, nodeA, nodeB }) => [
    `${nodeA} – ${nodeB}`,
    shown(cells, `link/${id}`, 'state'),
    shown(cells, `link/${id}/rtt`),
  ]);
  return table({ label: 'Links', columns }, rows);
}
