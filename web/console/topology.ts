// Topology: PoPs on a circle and the links between them, as a drawing. Pure.

import { html, type Html, nothing } from '../html.ts';
import { type Cells, shown } from './cells.ts';
import type { Network } from './network.ts';

const width = 720;
/** A few PoPs want less of it. */
const heightOf = (pops: number): number => (pops <= 2 ? 130 : pops === 3 ? 300 : 400);
const box = { width: 150, height: 58 } as const;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** One alone stands in the middle; two side by side; more on an ellipse, the first at the top. */
export function places(ids: readonly string[]): ReadonlyMap<string, Place> {
  const height = heightOf(ids.length);
  const [centre, radius] = [
    { x: width / 2, y: height / 2 },
    { x: width / 2 - 95, y: height / 2 - 50 },
  ];
  if (ids.length === 1) return new Map(ids.map((id) => [id, centre]));
  const turn = ids.length === 2 ? Math.PI : -Math.PI / 2;
  return new Map(
    ids.map((id, at) => {
      const angle = turn + (2 * Math.PI * at) / ids.length;
      return [
        id,
        { x: Math.round(centre.x + radius.x * Math.cos(angle)), y: Math.round(centre.y + radius.y * Math.sin(angle)) },
      ];
    }),
  );
}

/** Several links between two PoPs are drawn side by side, this far apart. */
const apart = 14;

export function topology(network: Network, cells: Cells): Html {
  const { pops, mesh, interconnects } = network;
  if (pops.length === 0) return nothing;
  const at = places(pops.map(({ id }) => id));
  const popOf = new Map(mesh.nodes.map(({ state }) => [state?.node?.id ?? '', state?.node?.popId ?? '']));
  const drawn = new Map<string, number>();
  const colour = (key: string): string => cells.get(key)?.colour ?? '';
  const lines = interconnects.map(({ id, nodeA, nodeB }) => {
    const [popA = '', popB = ''] = [popOf.get(nodeA), popOf.get(nodeB)];
    const [a, b] = [at.get(popA), at.get(popB)];
    if (a === undefined || b === undefined || popA === popB) return nothing;
    const pair = [popA, popB].sort().join(' ');
    const number = drawn.get(pair) ?? 0;
    drawn.set(pair, number + 1);
    // To and fro beside the straight line: 0, 1, -1, 2, ...
    const shift = Math.ceil(number / 2) * (number % 2 === 0 ? -1 : 1) * apart;
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
    const [dx, dy] = [(-(b.y - a.y) / length) * shift, ((b.x - a.x) / length) * shift];
    const [mx, my] = [(a.x + b.x) / 2 + dx, (a.y + b.y) / 2 + dy];
    const rtt = cells.get(`link/${id}/rtt`)?.text ?? '';
    return html`<line x1="${a.x + dx}" y1="${a.y + dy}" x2="${b.x + dx}" y2="${b.y + dy}" data-cell="${`link/${id}`}" data-base="" class="${colour(`link/${id}`)}"><title>${`${nodeA} – ${nodeB}`}</title></line><rect class="tag" x="${mx - 27}" y="${my - 9}" width="54" height="18" rx="4"/><text class="small" x="${mx}" y="${my + 4}" text-anchor="middle" data-cell="${`link/${id}/rtt`}" data-base="small">${rtt}</text>`;
  });
  const boxes = pops.map(({ id }) => {
    const place = at.get(id) ?? { x: 0, y: 0 };
    const [x, y] = [place.x - box.width / 2, place.y - box.height / 2];
    const key = `pop/${id}`;
    return html`<rect class="${`pop ${colour(key)}`}" x="${x}" y="${y}" width="${box.width}" height="${box.height}" rx="9" data-cell="${key}" data-base="pop" data-shape="yes"/><text x="${place.x}" y="${place.y - 4}" text-anchor="middle">${id.length > 18 ? `${id.slice(0, 17)}…` : id}</text><text class="small" x="${place.x}" y="${place.y + 15}" text-anchor="middle" data-cell="${key}" data-base="small">${(cells.get(key)?.text ?? '').slice(0, 26)}</text>`;
  });
  return html`<svg class="map" viewBox="0 0 ${width} ${heightOf(pops.length)}" role="img" aria-label="PoPs and the links between them; the table below says the same">${lines}${boxes}</svg>`;
}

/** The same for who does not see it. */
export function linkTable({ interconnects }: Network, cells: Cells): Html {
  if (interconnects.length === 0) return html`<p class="soft">There is no interconnect yet.</p>`;
  const rows = interconnects.map(
    ({ id, nodeA, nodeB }) =>
      html`<tr><th scope="row">${nodeA} – ${nodeB}</th><td>${shown(cells, `link/${id}`, 'state')}</td><td>${shown(cells, `link/${id}/rtt`)}</td></tr>`,
  );
  return html`<div class="scroll" tabindex="0" role="region" aria-label="Links"><table><thead><tr><th scope="col">Link</th><th scope="col">State</th><th scope="col">RTT</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}
