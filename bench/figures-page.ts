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

/** Sorted by bench and command, so that a page changes only where a figure does. */
export function page(runs: readonly (readonly [told: Told, picture: string])[]): string {
  const key = ([{ bench, command }]: readonly [Told, string]): string => `${bench} ${command}`;
  const sorted = [...runs].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return [intro, ...sorted.map(([told, picture]) => sectionOf(told, picture))].join('');
}
