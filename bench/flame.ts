// Flame: the picture of a profile: each box is a function where it was called in one way, as wide as its share of the time; what
// it calls stands on it, the dearest to the left. A box says its place and times to a pointer that rests on it.

import { characterWidth, element, escaped, palette, svg, text } from './plot-svg.ts';
import type { Spent } from './profile.ts';

const width = 1_200;
const margin = 8;
const head = 44;
const rowHeight = 17;
/** Pixels: narrower boxes say nothing. */
const narrowest = 0.5;

interface Kind {
  readonly name: string;
  readonly fill: string;
}

const own: Kind = { name: 'pop44', fill: '#f4b183' };
const ofPackages: Kind = { name: 'packages', fill: '#a9cce3' };
const ofNode: Kind = { name: 'Node', fill: '#cfe8cf' };
const ofV8: Kind = { name: 'V8, the kernel, garbage', fill: '#dcdfe3' };
const kinds = [own, ofPackages, ofNode, ofV8];

function kindOf({ at }: Spent): Kind {
  if (at === '') return ofV8;
  if (at.startsWith('node:')) return ofNode;
  return at.includes('node_modules/') ? ofPackages : own;
}

const depthOf = (spent: Spent, perMs: number): number =>
  1 +
  Math.max(0, ...spent.calls.filter(({ totalMs }) => totalMs * perMs >= narrowest).map((call) => depthOf(call, perMs)));

/** What of it has room. */
const fitting = (name: string, room: number): string => {
  const most = Math.floor((room - 6) / characterWidth);
  if (most < 3) return '';
  return name.length <= most ? name : `${name.slice(0, most - 1)}…`;
};

/** @param title what was profiled, and when @param overMs the time in which it was spent */
export function flame(title: string, root: Spent, overMs: number): string {
  const perMs = (width - 2 * margin) / Math.max(root.totalMs, 1e-9);
  const rows = depthOf(root, perMs);
  const height = head + rows * rowHeight + margin;
  const boxes: string[] = [];

  const draw = (spent: Spent, x: number, row: number): void => {
    const room = spent.totalMs * perMs;
    if (room < narrowest) return;
    const y = height - margin - (row + 1) * rowHeight;
    const share = ((100 * spent.totalMs) / root.totalMs).toFixed(1);
    const told = `${spent.name}${spent.at === '' ? '' : `, ${spent.at}`}: ${spent.totalMs.toFixed(1)} ms, ${share} %; itself ${spent.selfMs.toFixed(1)} ms`;
    const { fill } = kindOf(spent);
    const label = fitting(spent.name, room);
    boxes.push(
      element(
        'g',
        {},
        [
          element('title', {}, escaped(told)),
          element('rect', {
            x,
            y,
            width: room,
            height: rowHeight - 1,
            fill,
            stroke: palette.paper,
            'stroke-width': 0.3,
          }),
          ...(label === '' ? [] : [text(x + 3, y + 12, label)]),
        ].join(''),
      ),
    );
    let next = x;
    for (const call of spent.calls) {
      draw(call, next, row + 1);
      next += call.totalMs * perMs;
    }
  };
  draw(root, margin, 0);

  const busy = ((100 * root.totalMs) / overMs).toFixed(1);
  const legend = kinds.map(({ name, fill }, at) => {
    const x = margin + at * 170;
    return [element('rect', { x, y: 28, width: 12, height: 12, fill }), text(x + 18, 38, name)].join('');
  });
  const words = `${title}: busy for ${root.totalMs.toFixed(0)} ms of ${(overMs / 1_000).toFixed(1)} s, ${busy} % of a core`;
  return svg(width, height, words, [text(margin, 16, words, { bold: true }), ...legend, ...boxes].join(''));
}
