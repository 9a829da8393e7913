// Plot axis: where a value stands in a picture, and which values are written beside it.

import type { Axis } from './report.ts';

export interface Scale {
  /** In pixels. */
  place(value: number): number;
  readonly ticks: readonly number[];
}

const wantedTicks = 5;

/** 1, 2 or 5 times a power of ten: the largest of which so many fit. */
function stepOf(span: number): number {
  const power = 10 ** Math.floor(Math.log10(span / wantedTicks));
  return [1, 2, 5, 10].map((times) => times * power).find((step) => span / step <= wantedTicks) ?? 10 * power;
}

function linear(values: readonly number[], from: number, to: number): Scale {
  const most = Math.max(...values, 0);
  const step = stepOf(most > 0 ? most : 1);
  const end = Math.max(step, Math.ceil(most / step) * step);
  const count = Math.round(end / step);
  return {
    place: (value) => from + (value / end) * (to - from),
    ticks: Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12))),
  };
}

/** What is 0 or below has no place on it, and stands at its foot. */
function logarithmic(values: readonly number[], from: number, to: number): Scale {
  const positive = values.filter((value) => value > 0);
  const [least, most] = positive.length === 0 ? [1, 10] : [Math.min(...positive), Math.max(...positive)];
  const first = Math.floor(Math.log10(least));
  const last = Math.max(first + 1, Math.ceil(Math.log10(most)));
  const place = (value: number): number =>
    from + ((Math.log10(Math.max(value, 10 ** first)) - first) / (last - first)) * (to - from);
  return { place, ticks: Array.from({ length: last - first + 1 }, (_, at) => Number(`1e${first + at}`)) };
}

/** @param values all that are to be shown @param from, to pixels of its ends */
export const scaleOf = (
  kind: Axis['scale'],
  values: readonly number[],
  [from, to]: readonly [number, number],
): Scale => (kind === 'log' ? logarithmic(values, from, to) : linear(values, from, to));

/** `0.05`, `12`, `1,200` */
export function labelOf(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
