// Apply: all steps as one `tc -batch`.

import type { ShaperClass } from '#internal/dataplane/dataplane.ts';
import type { StepFailure } from '#internal/driver/driver.ts';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import { parseBatchErrors } from './parse.ts';
import { type Queue, renderClass, renderShaper } from './render.ts';
import type { KnownClasses } from './tc.ts';

type TcStep = StepOf<'shaper'> | StepOf<'class'>;

export interface Means {
  readonly netns: string;
  readonly queue: Queue;
  readonly classes: KnownClasses;
}

/** 10,000 classes take 12.5 s (measured; adding is quadratic), which comes only where so many are live at once. */
const timeoutMs = 60_000;

/** What the kernel and tc(8) say when there is nothing to remove any more. */
const gone =
  /No such file or directory|Cannot find device|Specified class not found|Cannot find specified qdisc|handle of zero/i;

const isRemoval = (line: string): boolean => /^\w+ del /.test(line);

/** From the root down, whatever their keys say: a class wants its parent there first. */
const downwards = (a: ShaperClass, b: ShaperClass): number => a.parent - b.parent || a.minor - b.minor;

function linesOf({ queue, classes }: Means, step: TcStep): readonly string[] {
  if (step.kind === 'class') return renderClass(queue, step);
  const { dev } = step.op === 'remove' ? step.found : step.want;
  // Those that a new root must take along; what never stood in the old one is added by steps of its own.
  const held = step.op === 'change' ? [...classes.values()].filter((each) => each.dev === dev) : [];
  return renderShaper(queue, step, held.filter(({ rateBitPerSecond }) => rateBitPerSecond > 0).sort(downwards));
}

/** Parents first when classes are added, last when they are removed; shapers stand around both in the plan already. */
function inOrder(steps: readonly Step[]): readonly TcStep[] {
  const own = steps.filter((step) => step.kind === 'shaper' || step.kind === 'class');
  const depth = (step: TcStep): number => {
    if (step.kind === 'shaper') return step.op === 'remove' ? Number.MAX_SAFE_INTEGER : -1;
    return step.op === 'remove' ? 0x20000 - step.found.parent : step.want.parent;
  };
  return own.toSorted((a, b) => depth(a) - depth(b));
}

function remember(classes: KnownClasses, step: TcStep): void {
  if (step.kind === 'class') {
    if (step.op === 'remove') classes.delete(step.key);
    else classes.set(step.key, step.want);
  } else if (step.op === 'remove') {
    for (const [key, { dev }] of classes) if (dev === step.found.dev) classes.delete(key);
  }
}

export async function applySteps(means: Means, steps: readonly Step[]): Promise<readonly StepFailure[]> {
  const failures = new Map<Step, string>();
  const lines: { readonly step: TcStep; readonly text: string }[] = [];
  const due = inOrder(steps);
  for (const step of due) {
    try {
      for (const text of linesOf(means, step)) lines.push({ step, text });
    } catch (error) {
      failures.set(step, messageOf(error));
    }
  }
  if (lines.length > 0) {
    try {
      const { stderr } = await run({
        file: 'tc',
        args: ['-force', '-batch', '-'],
        netns: means.netns,
        input: `${lines.map(({ text }) => text).join('\n')}\n`,
        accept: [0, 1, 2],
        timeoutMs,
      });
      for (const [number, message] of parseBatchErrors(stderr)) {
        const line = lines[number - 1];
        if (line === undefined || (isRemoval(line.text) && gone.test(message))) continue;
        failures.set(line.step, message);
      }
    } catch (error) {
      for (const { step } of lines) failures.set(step, messageOf(error));
    }
  }
  for (const step of due) if (!failures.has(step)) remember(means.classes, step);
  return [...failures].map(([step, message]) => ({ step, message }));
}
