// Apply: a ruleset is one transaction with all elements that are known; elements go in batches.

import { type Element, key, type Netns } from '#internal/dataplane/dataplane.ts';
import { sendInBatches, type StepFailure } from '#internal/driver/driver.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import { knownElements, listing } from './observe.ts';
import { checkElement, checkRuleset, declaredSets, removeTable, renderElements, renderRuleset } from './render.ts';
import type { Space } from './space.ts';

/** Elements of one transaction: bounds what one bad element makes us repeat (1,000 take 10 ms, measured). */
const elementsAtOnce = 4000;

type ElementStep = StepOf<'element'>;

const elementOf = (step: ElementStep): Element => (step.op === 'remove' ? step.found : step.want);

async function removeRuleset(space: Space): Promise<void> {
  await (await space.session()).run(removeTable);
  space.elements = new Map();
  await space.remember(undefined);
}

/**
 * The table anew, filled with what was in it. When that is refused, the text alone decides: a set may have changed
 * its type, and then the comparison that follows fills it.
 */
async function replaceRuleset(space: Space, step: Exclude<StepOf<'ruleset'>, { op: 'remove' }>): Promise<void> {
  checkRuleset(step.want);
  const sets = declaredSets(step.want.text);
  const kept = new Map([...(await knownElements(space))].filter(([, { set }]) => sets.has(set)));
  const session = await space.session();
  // Said before it is so: what another hand changes from here on makes it unknown again.
  const before = space.elements;
  space.elements = kept;
  try {
    await session.run(renderRuleset(step.want, kept.values()));
  } catch (error) {
    space.elements = before;
    const refusedFull = error instanceof Fault && error.code === 'rejected' && kept.size > 0;
    if (!refusedFull) throw error;
    await session.run(renderRuleset(step.want, []));
    space.elements = undefined;
    space.disturb('the sets were emptied, because a new ruleset did not take their elements');
  }
  await space.remember({ text: step.want.text, listing: await listing(space) });
}

async function applyElements(space: Space, steps: readonly ElementStep[]): Promise<readonly StepFailure[]> {
  const known = new Map(await knownElements(space));
  space.elements = known;
  const failures = await sendInBatches(steps, elementsAtOnce, async (batch) => {
    const added = batch.filter((step) => step.op !== 'remove').map(elementOf);
    const removed = batch.filter((step) => step.op === 'remove').map(elementOf);
    await (await space.session()).run(renderElements(added, removed));
    for (const element of removed) known.delete(key('element', element));
    for (const element of added) known.set(key('element', element), element);
  });
  return failures.flatMap(({ item: step, message }) => {
    if (step.op !== 'remove' || !message.includes('No such file or directory')) return [{ step, message }];
    known.delete(step.key);
    return [];
  });
}

async function applySpace(space: Space, steps: readonly Step[]): Promise<readonly StepFailure[]> {
  const failures: StepFailure[] = [];
  let elements: ElementStep[] = [];
  const flush = async (): Promise<void> => {
    const batch = elements;
    elements = [];
    try {
      if (batch.length > 0) failures.push(...(await applyElements(space, batch)));
    } catch (error) {
      failures.push(...batch.map((step) => ({ step, message: messageOf(error) })));
    }
  };
  for (const step of steps) {
    try {
      if (step.kind === 'element') {
        checkElement(elementOf(step));
        elements.push(step);
      } else if (step.kind === 'ruleset') {
        await flush();
        await (step.op === 'remove' ? removeRuleset(space) : replaceRuleset(space, step));
      }
    } catch (error) {
      failures.push({ step, message: messageOf(error) });
    }
  }
  await flush();
  return failures;
}

export async function applySteps(
  spaces: Readonly<Record<Netns, Space>>,
  steps: readonly Step[],
): Promise<readonly StepFailure[]> {
  const of = (netns: Netns): readonly Step[] =>
    steps.filter(
      (step) =>
        (step.kind === 'ruleset' || step.kind === 'element') &&
        (step.op === 'remove' ? step.found : step.want).netns === netns,
    );
  const done = await Promise.all(
    Object.values(spaces).map(async (space) => {
      const own = of(space.netns);
      return own.length === 0 ? [] : space.exclusive(() => applySpace(space, own));
    }),
  );
  return done.flat();
}
