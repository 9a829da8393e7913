// Report HTML: one page for people, which needs nothing but itself.

import { type InvariantName, sentences, type Verdict } from './check/invariant.ts';
import { countOutcomes, latencySummary, longestGapMs, type Second, seconds } from './figures.ts';
import type { DoneFault } from './fault.ts';
import { holds, type Report } from './report.ts';
import { worthSentences } from './worth.ts';

const width = 960;
const left = 170;
const plotWidth = width - left - 20;

const style = `
body { font: 14px/1.45 system-ui, sans-serif; max-width: ${width}px; margin: 2em auto; padding: 0 1em; color: #1b1f24 }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 1.8em }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25em .6em .25em 0; vertical-align: top }
th { border-bottom: 1px solid #8c959f } td { border-bottom: 1px solid #e4e7ea } td.n, th.n { text-align: right } td.w { white-space: nowrap }
.good { color: #116329; font-weight: 600 } .bad { color: #b3261e; font-weight: 600 }
svg text { font: 11px system-ui, sans-serif; fill: #1b1f24 } pre { white-space: pre-wrap; margin: .2em 0; font-size: 12px }
`;

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Of an invariant, or of what makes a run worth something. */
const sentenceOf = (name: string): string =>
  sentences[name as InvariantName] ?? worthSentences[name as keyof typeof worthSentences] ?? name;

export function reportHtml(report: Report): string {
  const { scenario, seed, faults, attempts, beganNs, versions } = report;
  const perSecond = seconds(attempts, beganNs);
  const spanMs = Math.max(perSecond.length * 1_000, ...faults.map(({ healedAt }) => healedAt));
  const verdict = holds(report)
    ? '<span class="good">everything holds</span>'
    : '<span class="bad">something does not hold</span>';
  const programs = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>chaos ${escaped(scenario)}, seed ${seed}</title><style>${style}</style></head>
<body>
<h1>Chaos: ${escaped(scenario)}, seed ${seed}, ${report.seconds} s: ${verdict}</h1>
<p>${escaped(programs.join(', '))}. Again: <code>npm run chaos -- ${escaped(scenario)} --seconds ${report.seconds} --seed ${seed}</code></p>
<h2>What was asked</h2>
${operations(report)}
<h2>Verdicts</h2>
${verdicts(report.invariants)}
<h2>Faults</h2>
${timeline(faults, spanMs)}
<h2>Answers a second</h2>
${throughput(perSecond, spanMs)}
<h2>Latency of what was granted, milliseconds</h2>
${latency(perSecond, spanMs)}
</body></html>
`;
}

function operations({ attempts, quietPerSecond, faults }: Report): string {
  const { ok, refused, unavailable, unknown } = countOutcomes(attempts);
  const { p50, p90, p99, worst } = latencySummary(attempts);
  const rows: readonly (readonly [string, string])[] = [
    ['granted', `${ok}, ${Math.round(quietPerSecond)} a second before the first fault`],
    ['refused', String(refused)],
    ['unavailable (certainly not done)', String(unavailable)],
    ['unknown at first (asked again until known)', String(unknown)],
    [
      'latency of the granted',
      `p50 ${p50.toFixed(1)}, p90 ${p90.toFixed(1)}, p99 ${p99.toFixed(1)}, worst ${worst.toFixed(0)} ms`,
    ],
    ['longest time in which nothing was granted', `${longestGapMs(attempts).toFixed(0)} ms`],
    ['faults', String(faults.length)],
  ];
  return `<table>${rows.map(([name, value]) => `<tr><td>${name}</td><td>${escaped(value)}</td></tr>`).join('')}</table>`;
}

function verdicts(invariants: readonly Verdict[]): string {
  const rows = invariants.map(({ name, checks, violations, evidence }) => {
    const word =
      violations === 0 ? '<span class="good">holds</span>' : `<span class="bad">broken: ${violations}</span>`;
    const proof = evidence.map((each) => `<pre>${escaped(each)}</pre>`).join('');
    const about = `${escaped(sentenceOf(name))}${proof}`;
    return `<tr><td class="w">${escaped(name)}</td><td>${about}</td><td class="n">${checks}</td><td>${word}</td></tr>`;
  });
  return `<table><tr><th>name</th><th>what must be so</th><th class="n">checks</th><th>verdict</th></tr>${rows.join('\n')}</table>`;
}

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

function timeline(faults: readonly DoneFault[], spanMs: number): string {
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

/** Bars of a second each, one outcome on another. */
function throughput(perSecond: readonly Second[], spanMs: number): string {
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
  return svg(
    chartHeight,
    `${scale(spanMs, chartHeight)}${bars.join('')}${labels.join('')}${bound(`${most} a second`)}`,
  );
}

const legend = (text: string, colour: string, y: number): string =>
  `<rect x="0" y="${y + 4}" width="10" height="10" fill="${colour}"/><text x="16" y="${y + 13}">${text}</text>`;

/** What the top of a chart stands for. */
const bound = (text: string): string => `<text x="${left - 6}" y="10" text-anchor="end">${text}</text>`;

/** Logarithmic from 1 ms, since a fault makes seconds out of milliseconds. */
function latency(perSecond: readonly Second[], spanMs: number): string {
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
