// Figures page: docs/figures.md out of what benches have left.

import { labelOf } from './plot-axis.ts';
import { type Figure, holds, type Told } from './report.ts';

const intro = `# Figures

What \`npm run bench\` has measured, and how to measure it again: the command stands above each table. A value is the median of its
samples, or what its name says; least and most stand beside it. Written by \`npm run bench -- report\`; do not edit.
`;

const gibibytes = (bytes: number): string => (bytes / 2 ** 30).toFixed(0);

const cell = (words: string): string => words.replaceAll('|', '\\|');

function rowOf([name, figure]: readonly [string, Figure]): string {
  const { value, unit, goal, samples } = figure;
  const spread =
    samples.length > 1
      ? `${labelOf(Math.min(...samples))} to ${labelOf(Math.max(...samples))} of ${samples.length}`
      : '';
  const verdict = goal === '' ? '' : holds(figure) ? 'yes' : '**no**';
  return `| ${[`\`${name}\``, `${labelOf(value)} ${unit}`, spread, goal, verdict].map(cell).join(' | ')} |`;
}

/** @param picture of its plot, relative to the page */
function sectionOf({ bench, command, commit, date, machine, figures }: Told, picture: string): string {
  const { cpus, model, memoryBytes, node, etcd, wireguard, bird } = machine;
  const programs = [`Node ${node}`, etcd, wireguard, bird].filter((version) => version !== '').join(', ');
  return `
## ${bench}

\`\`\`sh
${command}
\`\`\`

${date}, commit ${commit.slice(0, 12)}; ${cpus} x ${model}, ${gibibytes(memoryBytes)} GiB; ${programs}.

| figure | value | least to most | goal | holds |
|---|---|---|---|---|
${Object.entries(figures).map(rowOf).join('\n')}

![${bench}: figures and their goals](${picture})
`;
}

/** By bench and command, as a page has them. */
const sectionsIn = (text: string): readonly (readonly [key: string, section: string])[] =>
  text.split(/^(?=\n## )/m).flatMap((section) => {
    const [, bench, command] = /^\n## (.*)\n\n```sh\n(.*)\n```\n/.exec(section) ?? [];
    return bench === undefined ? [] : [[`${bench} ${command}`, section] as const];
  });

/**
 * Sorted by bench and command, so that a page changes only where a figure does.
 * @param before the page as it is: what was measured by commands of which there is no run stays, with the commit that it was measured at
 */
export function page(runs: readonly (readonly [told: Told, picture: string])[], before = ''): string {
  const sections = new Map(sectionsIn(before));
  for (const [told, picture] of runs) sections.set(`${told.bench} ${told.command}`, sectionOf(told, picture));
  return [intro, ...[...sections].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, section]) => section)].join('');
}
