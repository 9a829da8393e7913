// Plot: the picture of a bench: every figure with its samples, those with a goal by their share of it, and its curves below.

import { labelOf, scaleOf } from './plot-axis.ts';
import { curveHeight, plotCurve } from './plot-curve.ts';
import { element, group, line, palette, svg, text } from './plot-svg.ts';
import { type Figure, type Goal, goalOf, holds, type Outcome } from './report.ts';

const width = 860;
const head = 46;
const rowHeight = 20;
/** Where the strip of a figure begins, and ends. */
const [stripLeft, stripRight] = [430, width - 130];
/** Shares of a goal that the strip shows; what is beyond stands at its end. */
const [leastShare, mostShare] = [0.01, 10];

/** How much of what is allowed a value takes: at most 1 where the goal holds. A value of 0 of 0 takes least. */
export function shareOf(value: number, { sign, bound }: Goal): number {
  const share = sign === '<=' ? value / bound : bound / value;
  if (Number.isNaN(share)) return sign === '<=' ? leastShare : mostShare;
  return Math.min(mostShare, Math.max(leastShare, share));
}

const scale = scaleOf('log', [leastShare, mostShare], [stripLeft, stripRight]);

function row(name: string, figure: Figure): string {
  const goal = goalOf(figure);
  const { value, unit, samples } = figure;
  const colour = holds(figure) ? palette.holds : palette.fails;
  const spread = samples.length > 1 ? ` (${labelOf(Math.min(...samples))} to ${labelOf(Math.max(...samples))})` : '';
  const dots = goal === undefined ? [] : samples.map((sample) => scale.place(shareOf(sample, goal)));
  return group([
    text(8, 14, name),
    text(stripLeft - 12, 14, `${labelOf(value)} ${unit}${spread}`, { anchor: 'end' }),
    ...(goal === undefined
      ? []
      : [
          line([stripLeft, 10], [stripRight, 10], palette.grid),
          ...dots.map((cx) => element('circle', { cx, cy: 10, r: 3, fill: colour, opacity: 0.35 })),
          element('rect', { x: scale.place(shareOf(value, goal)) - 2, y: 3, width: 4, height: 14, fill: colour }),
          text(stripRight + 10, 14, `${figure.goal}${holds(figure) ? '' : '  fails'}`, { fill: colour }),
        ]),
  ]);
}

/** @param name of the bench */
export function plot(name: string, { figures, curves }: Outcome): string {
  const rows = Object.entries(figures);
  const stripHeight = head + rows.length * rowHeight + 30;
  const goalX = scale.place(1);
  const strip = group([
    text(8, 18, name, { bold: true }),
    text(goalX, 18, 'goal', { anchor: 'middle', fill: palette.faint }),
    text(stripLeft, 34, 'better', { fill: palette.faint }),
    text(stripRight, 34, 'worse', { anchor: 'end', fill: palette.faint }),
    line([goalX, 24], [goalX, stripHeight - 24], palette.faint),
    ...rows.map(([which, figure], at) => group([row(which, figure)], head + at * rowHeight)),
  ]);
  const pictures = curves.map((curve, at) => group([plotCurve(curve, width)], stripHeight + at * (curveHeight + 16)));
  const height = stripHeight + curves.length * (curveHeight + 16);
  return svg(width, height, name, [strip, ...pictures].join(''));
}
