// Report charts: drawings of a run over its time, as SVG for the page.

import type { DoneFault } from './fault.ts';
import type { Gap, Second } from './figures.ts';
import type { Sample } from './history.ts';

export const width = 960;
const left = 170;
const plotWidth = width - left - 20;

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const x = (ms: number, spanMs: number): number => left + (ms / spanMs) * plotWidth;

/** Seconds along the foot of a chart. */
function scale(spanMs: number, height: number): string {
  const stepMs = 1_000 * Math.max(1, 5 * Math.ceil(spanMs / 60_000));
  const marks = Array.from({ length: Math.floor(spanMs / stepMs) + 1 }, (_, at) => at * stepMs);
  const parts = marks.map((ms) => {
    const place = x(ms, spanMs).toFixed(1);
    return `<line x1="${place}" y1="0" x2="${place}" y2="${height}" stroke="#e4e7ea"/><text x="${place}" y="${height + 14}" text-anchor="middle">${ms / 1_000} s</text>`;
  });
  return parts.join('');
}

const svg = (height: number, body: string): string =>
  `<svg viewBox="0 0 ${width} ${height + 20}" width="100%" role="img">${body}</svg>`;

const rowHeight = 18;

/** A row for each kind; what happened beside what. */
export function timeline(faults: readonly DoneFault<string>[], spanMs: number): string {
  const kinds = [...new Set(faults.map(({ kind }) => kind))].sort();
  const height = kinds.length * rowHeight;
  const labels = kinds.map((kind, row) => `<text x="0" y="${row * rowHeight + 13}">${kind}</text>`);
  const bars = faults.map(({ kind, target, at, healedAt, problem }) => {
    const [from, to] = [x(at, spanMs), Math.max(x(at, spanMs) + 3, x(healedAt, spanMs))];
    const y = kinds.indexOf(kind) * rowHeight + 3;
    const title = `${kind} ${target}, ${at} to ${healedAt} ms${problem === undefined ? '' : `: ${problem}`}`;
    const colour = problem === undefined ? '#b35900' : '#8c959f';
    const bar = `<rect x="${from.toFixed(1)}" y="${y}" width="${(to - from).toFixed(1)}" height="12" fill="${colour}" opacity=".75"><title>${escaped(title)}</title></rect>`;
    const label = `<text x="${(from + 2).toFixed(1)}" y="${y + 10}">${escaped(target)}</text>`;
    return to - from > 16 ? bar + label : bar;
  });
  return svg(height, scale(spanMs, height) + labels.join('') + bars.join(''));
}

const chartHeight = 120;
const colours = { ok: '#1a7f37', refused: '#8c959f', unavailable: '#bf8700', unknown: '#b3261e' } as const;
type Shown = keyof typeof colours;

/** Bars of a second each, one outcome on another; gaps above them. */
export function throughput(perSecond: readonly Second[], gaps: readonly Gap[], spanMs: number): string {
  const names = Object.keys(colours) as Shown[];
  const most = Math.max(1, ...perSecond.map((second) => names.reduce((sum, name) => sum + second[name], 0)));
  const bars = perSecond.flatMap((second, at) => {
    let below = 0;
    return names.map((name) => {
      const height = (second[name] / most) * chartHeight;
      below += height;
      const [from, to] = [x(at * 1_000, spanMs), x((at + 1) * 1_000, spanMs)];
      const place = `x="${from.toFixed(1)}" y="${(chartHeight - below).toFixed(1)}"`;
      return `<rect ${place} width="${Math.max(1, to - from - 1).toFixed(1)}" height="${height.toFixed(1)}" fill="${colours[name]}"><title>${at} s: ${second[name]} ${name}</title></rect>`;
    });
  });
  const labels = names.map((name, row) => legend(name === 'ok' ? 'granted' : name, colours[name], 18 + row * 16));
  const marks = gaps.map(({ fromMs, toMs }) => {
    const [from, to] = [x(fromMs, spanMs), x(toMs, spanMs)];
    const title = `nothing granted for ${Math.round(toMs - fromMs)} ms`;
    return `<rect x="${from.toFixed(1)}" y="0" width="${Math.max(1, to - from).toFixed(1)}" height="5" fill="#6639ba"><title>${title}</title></rect>`;
  });
  const gap = legend('gap', '#6639ba', 18 + names.length * 16);
  return svg(
    chartHeight,
    `${scale(spanMs, chartHeight)}${bars.join('')}${marks.join('')}${labels.join('')}${gap}${bound(`${most} a second`)}`,
  );
}

const legend = (text: string, colour: string, y: number): string =>
  `<rect x="0" y="${y + 4}" width="10" height="10" fill="${colour}"/><text x="16" y="${y + 13}">${text}</text>`;

/** What the top of a chart stands for. */
const bound = (text: string): string => `<text x="${left - 6}" y="10" text-anchor="end">${text}</text>`;

/** Logarithmic from 1 ms, since a fault makes seconds out of milliseconds. */
export function latency(perSecond: readonly Second[], spanMs: number): string {
  const mostMs = Math.max(10, ...perSecond.map(({ p99 }) => p99));
  const y = (ms: number): string => (chartHeight * (1 - Math.log10(Math.max(1, ms)) / Math.log10(mostMs))).toFixed(1);
  const line = (quantile: 'p50' | 'p99', colour: string): string => {
    const points = perSecond.flatMap((second, at) =>
      second.ok === 0 ? [] : [`${x((at + 0.5) * 1_000, spanMs).toFixed(1)},${y(second[quantile])}`],
    );
    return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
  };
  const lines = `${line('p99', '#b3261e')}${line('p50', '#1a7f37')}`;
  const labels = `${legend('p99', '#b3261e', 18)}${legend('p50', '#1a7f37', 34)}${bound(`${mostMs.toFixed(0)} ms`)}`;
  return svg(
    chartHeight,
    `${scale(spanMs, chartHeight)}${lines}${labels}<text x="${left - 6}" y="${chartHeight}" text-anchor="end">1 ms</text>`,
  );
}

const nodeColours = ['#0969da', '#1a7f37', '#bf8700', '#b3261e'] as const;

/** What the daemons' processes have, one line a node; it begins anew with each process. */
export function resources(samples: readonly Sample[], beganNs: number, spanMs: number): string {
  const lines = (what: 'rssBytes' | 'files' | 'timers', unit: number, name: string): string => {
    const most = Math.max(1, ...samples.map((sample) => (sample[what] ?? 0) / unit));
    const y = (value: number): string => (chartHeight * (1 - value / unit / most)).toFixed(1);
    const nodes = [...Map.groupBy(samples, ({ node }) => node)];
    const drawn = nodes.flatMap(([, own], at) =>
      [...Map.groupBy(own, ({ pid }) => pid).values()].map((life) => {
        const points = life.flatMap((sample) =>
          sample[what] === undefined
            ? []
            : [`${x((sample.atNs - beganNs) / 1e6, spanMs).toFixed(1)},${y(sample[what])}`],
        );
        return `<polyline points="${points.join(' ')}" fill="none" stroke="${nodeColours[at % nodeColours.length]}" stroke-width="1.5"/>`;
      }),
    );
    const labels = nodes.map(([node], at) => legend(node, nodeColours[at % nodeColours.length] ?? '', 18 + at * 16));
    const top = bound(`${most.toFixed(0)} ${name}`);
    return svg(chartHeight, `${scale(spanMs, chartHeight)}${drawn.join('')}${labels.join('')}${top}`);
  };
  return lines('rssBytes', 1024 ** 2, 'MB of memory') + lines('files', 1, 'open files') + lines('timers', 1, 'timers');
}
