// Report HTML: one page for people, which needs nothing but itself.

import { type InvariantName, sentences, type Verdict } from './check/invariant.ts';
import { countOutcomes, gapsOf, latencySummary, longestGapMs, seconds } from './figures.ts';
import { goalSentence, shownFigure } from './goals.ts';
import { holds, type Report } from './report.ts';
import { escaped, latency, resources, throughput, timeline, width } from './report-charts.ts';
import { worthSentences } from './worth.ts';

const style = `
body { font: 14px/1.45 system-ui, sans-serif; max-width: ${width}px; margin: 2em auto; padding: 0 1em; color: #1b1f24 }
h1 { font-size: 1.4em } h2 { font-size: 1.1em; margin-top: 1.8em }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25em .6em .25em 0; vertical-align: top }
th { border-bottom: 1px solid #8c959f } td { border-bottom: 1px solid #e4e7ea } td.n, th.n { text-align: right } td.w { white-space: nowrap }
.good { color: #116329; font-weight: 600 } .bad { color: #b3261e; font-weight: 600 }
svg text { font: 11px system-ui, sans-serif; fill: #1b1f24 } pre { white-space: pre-wrap; margin: .2em 0; font-size: 12px }
`;

/** Of an invariant, or of what makes a run worth something. */
const sentenceOf = (name: string): string =>
  sentences[name as InvariantName] ?? worthSentences[name as keyof typeof worthSentences] ?? goalSentence(name) ?? name;

export function reportHtml(report: Report): string {
  const { scenario, seed, faults, attempts, samples, beganNs, versions } = report;
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
${throughput(perSecond, gapsOf(attempts, beganNs), spanMs)}
<h2>Latency of what was granted, milliseconds</h2>
${latency(perSecond, spanMs)}
<h2>What the daemons have of the machine</h2>
${resources(samples, beganNs, spanMs)}
</body></html>
`;
}

function operations({ attempts, quietPerSecond, faults, left, figures }: Report): string {
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
    ['faults', `${faults.length} of ${new Set(faults.map(({ kind }) => kind)).size} kinds`],
    ...figures.map(({ what, reached, wanted, unit, bound }) => {
      const promised = wanted === undefined ? '' : `, ${shownFigure(wanted, unit)} at the ${bound} was promised`;
      return [what, `${shownFigure(reached, unit)}${promised}`] as const;
    }),
    ...left.map((each) => ['left out', each] as const),
  ];
  return `<table>${rows.map(([name, value]) => `<tr><td>${name}</td><td>${escaped(value)}</td></tr>`).join('')}</table>`;
}

function verdicts(invariants: readonly Verdict[]): string {
  const rows = invariants.map(({ name, checks, violations, evidence }) => {
    const good = checks === 0 ? 'not looked at' : '<span class="good">holds</span>';
    const word = violations === 0 ? good : `<span class="bad">broken: ${violations}</span>`;
    const proof = evidence.map((each) => `<pre>${escaped(each)}</pre>`).join('');
    const about = `${escaped(sentenceOf(name))}${proof}`;
    return `<tr><td class="w">${escaped(name)}</td><td>${about}</td><td class="n">${checks}</td><td>${word}</td></tr>`;
  });
  return `<table><tr><th>name</th><th>what must be so</th><th class="n">checks</th><th>verdict</th></tr>${rows.join('\n')}</table>`;
}
