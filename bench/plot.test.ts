import { expect, test } from 'vitest';
import { labelOf, scaleOf } from './plot-axis.ts';
import { plot, shareOf } from './plot.ts';
import { figure } from './report.ts';

test('axes begin where they should, have few round ticks, and keep the order of values', () => {
  const linear = scaleOf('linear', [3, 470], [0, 100]);
  expect(linear.ticks).toEqual([0, 100, 200, 300, 400, 500]);
  expect([linear.place(0), linear.place(500)]).toEqual([0, 100]);
  const logarithmic = scaleOf('log', [15, 3_000], [100, 0]);
  expect(logarithmic.ticks).toEqual([10, 100, 1_000, 10_000]);
  expect([logarithmic.place(10), logarithmic.place(10_000), logarithmic.place(0)]).toEqual([100, 0, 100]);
  expect(scaleOf('linear', [], [0, 10]).ticks[0]).toBe(0);
});

test('numbers are short', () => {
  expect([0.0512, 12.345, 99.9, 1_234.5].map(labelOf)).toEqual(['0.0512', '12.3', '99.9', '1,235']);
});

test('a share of a goal is at most 1 where the goal holds, whichever its sign', () => {
  expect(shareOf(15, { sign: '<=', bound: 30 })).toBe(0.5);
  expect(shareOf(800, { sign: '>=', bound: 400 })).toBe(0.5);
  expect(shareOf(0, { sign: '<=', bound: 0 })).toBe(0.01);
  expect(shareOf(1, { sign: '<=', bound: 0 })).toBe(10);
  expect(shareOf(0, { sign: '>=', bound: 400 })).toBe(10);
});

test('a picture has every figure, every sample of those with a goal, every point, and no bare markup', () => {
  const figures = {
    held_ms: figure(12, 'ms', '<= 30', [10, 12, 14]),
    failed_ratio: figure(0.5, 'ratio', '>= 0.9'),
    'told <&>': figure(7, '1/s', ''),
  };
  const curve = {
    title: 'Loss',
    x: { label: 'tunnels', scale: 'linear' },
    y: { label: '%', scale: 'linear' },
    series: [
      {
        name: 'ours',
        points: [
          [1, 0],
          [2, Number.NaN],
          [3, 5],
        ],
      },
      { name: 'bare', points: [[1, 0]] },
    ],
    bands: [{ name: 'expected', from: 1, to: 2 }],
  } as const;
  const drawn = plot('example', { figures, curves: [curve] });
  // 3 + 1 samples, 2 + 1 points that are numbers, 2 in the legend.
  expect(drawn.match(/<circle/g)).toHaveLength(9);
  for (const words of [
    'held_ms',
    'failed_ratio',
    'told &lt;&amp;&gt;',
    '12 ms (10 to 14)',
    '&gt;= 0.9  fails',
    'expected',
  ])
    expect(drawn).toContain(words);
  expect(drawn).not.toMatch(/NaN|undefined|Infinity/);
  expect(drawn.match(/<g[ >]/g)?.length).toBe(drawn.match(/<\/g>/g)?.length);
});
