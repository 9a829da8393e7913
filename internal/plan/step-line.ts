// Step line: one step as a person reads it before it is carried out, with what changes of a value that stays.

import { printStep } from './print-step.ts';
import type { Step } from './step.ts';

/** Files of a node and what is sealed to it are for nobody who reads this; of texts it is told how many lines change. */
const unsaid = /^sealed|File$|^text$/;

/** Of what is no list of such, nothing. */
function plain(value: unknown): string | undefined {
  if (typeof value === 'string') return value || 'none';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined) return 'none';
  if (!Array.isArray(value)) return undefined;
  const parts = value.map(plain);
  return parts.includes(undefined) ? undefined : parts.join(' ') || 'none';
}

const textOf = (value: object): string => ('text' in value && typeof value.text === 'string' ? value.text : '');

/** How many lines of the one are not in the other, wherever they stand. O(lines). */
function linesBeyond(text: string, other: string): number {
  const left = new Map<string, number>();
  for (const line of other.split('\n')) left.set(line, (left.get(line) ?? 0) + 1);
  let beyond = 0;
  for (const line of text.split('\n')) {
    const there = left.get(line) ?? 0;
    if (there === 0) beyond += 1;
    else left.set(line, there - 1);
  }
  return beyond;
}

function changesOf(want: object, found: object): readonly string[] {
  const [is, was] = [new Map(Object.entries(want)), new Map(Object.entries(found))];
  const fields = [...new Set([...was.keys(), ...is.keys()])].filter((name) => !unsaid.test(name));
  const changes = fields.flatMap((name) => {
    const [before, after] = [plain(was.get(name)), plain(is.get(name))];
    return before === undefined || after === undefined || before === after ? [] : [`${name} ${before} -> ${after}`];
  });
  const [now, then] = [textOf(want), textOf(found)];
  return now === then ? changes : [`+${linesBeyond(now, then)} -${linesBeyond(then, now)} lines`, ...changes];
}

/** As printStep, and of a change what changes: `~ class pop p44w0 1:2: ceilBitPerSecond 10000000 -> 20000000`. No secrets. */
export function stepLine(step: Step): string {
  const line = printStep(step);
  const changes = step.op === 'change' ? changesOf(step.want, step.found) : [];
  return changes.length === 0 ? line : `${line}: ${changes.join(', ')}`;
}
