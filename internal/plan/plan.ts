// Plan: the ordered difference between what a node should hold and what it holds.
//
// On the path: desired(snapshot) and observe() come in, apply() takes what goes out.
// Never: reads a clock, touches the world, or knows how a step is carried out.

import type { Dataplane, Kind, Kinds } from '#internal/dataplane/dataplane.ts';
import { kinds } from '#internal/dataplane/dataplane.ts';
import { same } from './equal.ts';
import { rank } from './order.ts';
import type { Step, StepOf } from './step.ts';

export { same } from './equal.ts';
export { printStep } from './print-step.ts';
export { stepLine } from './step-line.ts';

/** Keys to look at, by kind; a plan for a change of k keys costs O(k log k). */
export type Keys = { readonly [K in Kind]?: ReadonlySet<string> };

function stepFor<K extends Kind>(
  kind: K,
  key: string,
  want: Kinds[K] | undefined,
  found: Kinds[K] | undefined,
): StepOf<K> | undefined {
  if (want === undefined) return found === undefined ? undefined : { op: 'remove', kind, key, found };
  if (found === undefined) return { op: 'add', kind, key, want };
  return same(kind, want, found) ? undefined : { op: 'change', kind, key, want, found };
}

function stepsOf<K extends Kind>(kind: K, want: Dataplane, found: Dataplane, only?: ReadonlySet<string>): Step[] {
  const steps: Step[] = [];
  const look = (key: string): void => {
    const step = stepFor(kind, key, want[kind].get(key), found[kind].get(key));
    // A StepOf<K> is one of the members of Step; the compiler does not follow a generic into a union.
    if (step !== undefined) steps.push(step as Step);
  };
  if (only !== undefined) {
    for (const key of only) look(key);
    return steps;
  }
  for (const key of want[kind].keys()) look(key);
  for (const key of found[kind].keys()) if (!want[kind].has(key)) look(key);
  return steps;
}

const byKey = (a: Step, b: Step): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/**
 * What to do so that `found` becomes `want`, in the order in which it is safe (order.ts), sorted by key within a
 * kind so that the same difference always prints the same plan. Empty when nothing differs.
 */
export function plan(want: Dataplane, found: Dataplane, only?: Keys): readonly Step[] {
  const steps = kinds.flatMap((kind) =>
    only === undefined
      ? stepsOf(kind, want, found)
      : only[kind] === undefined
        ? []
        : stepsOf(kind, want, found, only[kind]),
  );
  return steps.sort((a, b) => rank(a) - rank(b) || byKey(a, b));
}

/** The state that a found one becomes when a step is reached. */
export function reach(found: { readonly [K in Kind]: Map<string, Kinds[K]> }, step: Step): void {
  const map = found[step.kind] as Map<string, Kinds[Kind]>;
  if (step.op === 'remove') map.delete(step.key);
  else map.set(step.key, step.want);
}
