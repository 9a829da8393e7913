// Plot curve: lines and bands between two axes.

import { labelOf, scaleOf } from './plot-axis.ts';
import { element, group, ink, line, palette, text } from './plot-svg.ts';
import type { Curve, Point } from './report.ts';

export const curveHeight = 320;
const [top, bottom, left] = [36, 52, 70];
/** Names of lines stand to the right of them. */
const right = 150;
const radius = 3.5;

const finite = ([x, y]: Point): boolean => Number.isFinite(x) && Number.isFinite(y);

export function plotCurve({ title, x, y, series, bands }: Curve, width: number): string {
  const all = series.flatMap(({ points }) => points.filter(finite));
  const xs = scaleOf(
    x.scale,
    all.map(([value]) => value),
    [left, width - right],
  );
  const ys = scaleOf(
    y.scale,
    [...all.map(([, value]) => value), ...bands.flatMap(({ from, to }) => [from, to])],
    [curveHeight - bottom, top],
  );
  const [footY, headY] = [curveHeight - bottom, top];
  const backs = bands.map(({ name, from, to }) =>
    group([
      element('rect', {
        x: left,
        y: ys.place(to),
        width: width - right - left,
        height: ys.place(from) - ys.place(to),
        fill: palette.band,
      }),
      text(width - right + 8, (ys.place(from) + ys.place(to)) / 2, name, { wrap: right - 12 }),
    ]),
  );
  const grid = [
    ...xs.ticks.map((tick) =>
      group([
        line([xs.place(tick), headY], [xs.place(tick), footY], palette.grid),
        text(xs.place(tick), footY + 14, labelOf(tick), { anchor: 'middle' }),
      ]),
    ),
    ...ys.ticks.map((tick) =>
      group([
        line([left, ys.place(tick)], [width - right, ys.place(tick)], palette.grid),
        text(left - 8, ys.place(tick) + 4, labelOf(tick), { anchor: 'end' }),
      ]),
    ),
  ];
  const drawn = series.map(({ points }, at) => {
    const colour = ink(at);
    const places = points.filter(finite).map(([a, b]) => [xs.place(a), ys.place(b)] as const);
    return group([
      element('polyline', {
        points: places.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(' '),
        fill: 'none',
        stroke: colour,
        'stroke-width': 1.8,
        // Not by colour alone.
        ...(at > 0 && { 'stroke-dasharray': `${7 - at} ${2 + at}` }),
      }),
      ...places.map(([cx, cy]) => element('circle', { cx, cy, r: radius, fill: colour })),
    ]);
  });
  const legend = series.map(({ name }, at) => {
    const place = top + 8 + at * 18;
    return group([
      element('circle', { cx: width - right + 12, cy: place - 4, r: radius, fill: ink(at) }),
      text(width - right + 22, place, name),
    ]);
  });
  return group([
    text(left, 18, title, { bold: true }),
    ...backs,
    ...grid,
    text((left + width - right) / 2, curveHeight - 14, x.label, { anchor: 'middle' }),
    text(16, (top + footY) / 2, y.label, { anchor: 'middle', turned: true }),
    ...drawn,
    ...legend,
  ]);
}
