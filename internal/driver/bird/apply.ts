// Apply: check, load with a way back, look, confirm or undo (trials.ts).

import type { Netns } from '#internal/dataplane/dataplane.ts';
import type { StepFailure } from '#internal/driver/driver.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import type { NodeOpener } from '#internal/sealing/sealing.ts';
import type { Daemon } from './daemon.ts';
import { withPasswords } from './passwords.ts';
import { checkBird } from './render.ts';
import type { Trials } from './trials.ts';

export interface Kept {
  readonly daemon: Daemon;
  readonly trials: Trials;
}

/** @throws Fault `sealed`: it was reached but for sessions whose passwords do not open */
async function applyStep({ daemon, trials }: Kept, opener: NodeOpener, step: StepOf<'bird'>): Promise<void> {
  if (step.op === 'remove') {
    await trials.leave();
    return daemon.end();
  }
  checkBird(step.want);
  const { clear, reached, problems } = withPasswords(step.want.text, opener);
  await trials.bring({ ...step.want, text: clear, told: reached });
  if (problems.length > 0) throw new Fault('sealed', problems.join('; '));
}

export async function applySteps(
  birds: Readonly<Record<Netns, Kept>>,
  opener: NodeOpener,
  steps: readonly Step[],
): Promise<readonly StepFailure[]> {
  const own = steps.filter((step): step is StepOf<'bird'> => step.kind === 'bird');
  const done = await Promise.all(
    own.map(async (step) => {
      const { netns } = step.op === 'remove' ? step.found : step.want;
      return applyStep(birds[netns], opener, step).then(
        () => [],
        (error: unknown) => [{ step, message: messageOf(error) }],
      );
    }),
  );
  return done.flat();
}
