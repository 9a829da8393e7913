// Report: figures as a table for people and as JSON for scripts.

import { cpus, totalmem } from 'node:os';
import Table from 'cli-table3';
import { run } from '#internal/exec/exec.ts';

export interface Figure {
  readonly value: number;
  readonly unit: string;
  /** `<= 30`, `>= 0.95`; empty: told for information. */
  readonly goal: string;
  readonly samples: readonly number[];
}

export const figure = (value: number, unit: string, goal: string, samples: readonly number[] = [value]): Figure => ({
  value,
  unit,
  goal,
  samples: samples.map((sample) => Number(sample.toFixed(3))),
});

export type Figures = Readonly<Record<string, Figure>>;

export type Point = readonly [x: number, y: number];

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

/** A picture of how one thing depends on another. */
export interface Curve {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly { readonly name: string; readonly points: readonly Point[] }[];
  /** What lies between two values of y. */
  readonly bands: readonly { readonly name: string; readonly from: number; readonly to: number }[];
}

export interface Outcome {
  readonly figures: Figures;
  readonly curves: readonly Curve[];
}

export const outcomeOf = (given: Figures | Outcome): Outcome =>
  'curves' in given && Array.isArray(given.curves) ? (given as Outcome) : { figures: given as Figures, curves: [] };

/** The q-th quantile (0 to 1) by nearest rank. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export interface Goal {
  readonly sign: '<=' | '>=';
  readonly bound: number;
}

/** Undefined: it is told for information. */
export function goalOf({ goal }: Pick<Figure, 'goal'>): Goal | undefined {
  const [, sign, bound] = /^(<=|>=) ([0-9.]+)$/.exec(goal) ?? [];
  return sign === '<=' || sign === '>=' ? { sign, bound: Number(bound) } : undefined;
}

export function holds(figure: Pick<Figure, 'value' | 'goal'>): boolean {
  const goal = goalOf(figure);
  if (goal === undefined) return figure.goal === '';
  return goal.sign === '<=' ? figure.value <= goal.bound : figure.value >= goal.bound;
}

const shown = (value: number): string => (Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3));

export function table(figures: Figures): string {
  const made = new Table({
    head: ['figure', 'value', 'unit', 'goal', 'holds', 'samples'],
    style: { head: [], border: [] },
  });
  for (const [name, figure] of Object.entries(figures))
    made.push([
      name,
      shown(figure.value),
      figure.unit,
      figure.goal,
      figure.goal === '' ? '' : holds(figure) ? 'yes' : 'NO',
      String(figure.samples.length),
    ]);
  return made.toString();
}

async function versionOf(file: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run({ file, args, accept: [0, 1] });
  return (stdout === '' ? stderr : stdout).split('\n')[0] ?? '';
}

/** Of which run an outcome is. */
export interface Run {
  readonly bench: string;
  readonly commit: string;
  readonly command: string;
}

/** What a bench leaves as JSON. */
export interface Told extends Run, Outcome {
  /** `2027-01-31` */
  readonly date: string;
  readonly machine: {
    readonly cpus: number;
    readonly model: string;
    readonly memoryBytes: number;
    readonly node: string;
    readonly etcd: string;
    readonly wireguard: string;
    readonly bird: string;
  };
}

export async function json(which: Run, { figures, curves }: Outcome): Promise<string> {
  const machine: Told['machine'] = {
    cpus: cpus().length,
    model: cpus()[0]?.model ?? '',
    memoryBytes: totalmem(),
    node: process.version,
    etcd: await versionOf('etcd', ['--version']),
    wireguard: await versionOf('wireguard-go', ['--version']),
    bird: await versionOf('bird', ['--version']),
  };
  const judged = Object.fromEntries(
    Object.entries(figures).map(([name, figure]) => [name, { ...figure, holds: holds(figure) }]),
  );
  const told: Told = { ...which, date: new Date().toISOString().slice(0, 10), machine, figures: judged, curves };
  return `${JSON.stringify(told, undefined, 2)}\n`;
}
