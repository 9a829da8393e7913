// Apply: a ruleset is one transaction with all elements that are known; elements go in batches.

import type { Element, Netns, Ruleset } from '#internal/dataplane/dataplane.ts';
import { knownSets, leaseSet } from '#internal/dataplane/ownership.ts';
import { sendInBatches, type StepFailure } from '#internal/driver/driver.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { parseAddress } from '#internal/netip/netip.ts';
import type { Step, StepOf } from '#internal/plan/step.ts';
import { leaseElement } from './lease.ts';
import { knownElements, listing } from './observe.ts';
import {
  checkElement,
  checkRuleset,
  declaredSets,
  removeTable,
  renderAnew,
  renderElements,
  renderFitted,
  renderKnown,
} from './render.ts';
import { noteKnown, type Space } from './space.ts';

/** Elements of one transaction: bounds what one bad element makes us repeat (1,000 take 10 ms, measured). */
const elementsAtOnce = 4000;

const isAddress = (text: string): boolean => typeof parseAddress(text) === 'string';

type ElementStep = StepOf<'element'>;

const elementOf = (step: ElementStep): Element => (step.op === 'remove' ? step.found : step.want);

async function removeRuleset(space: Space): Promise<void> {
  space.listed = undefined;
  await (await space.session()).run(removeTable);
  space.elements = new Map();
  await space.remember(undefined);
}

/**
 * Chains and sets are fitted around the elements, which stay where they are: O(text). When that is refused (a set
 * changed its type), the table is made anew with all its elements, and when they are refused too, without them: then
 * the comparison that follows fills it. Each way is one transaction, so that no packet sees a table half made.
 */
async function replaceRuleset(space: Space, want: Ruleset): Promise<void> {
  checkRuleset(want);
  space.listed = undefined;
  const sets = declaredSets(want.text);
  const kept = new Map([...(await knownElements(space))].filter(([, { set }]) => sets.has(set)));
  const ways = [
    { text: renderFitted(want, await listing(space)), elements: kept },
    { text: renderAnew(want, kept.values()), elements: kept },
    { text: renderAnew(want, []), elements: new Map<string, Element>() },
  ];
  const session = await space.session();
  const before = space.elements;
  const refusals: string[] = [];
  for (const { text, elements } of ways) {
    // Said before it is so: what another hand changes from here on makes it unknown again.
    space.elements = elements;
    try {
      await session.run(text);
      if (elements.size < kept.size) space.disturb(`a new ruleset took no elements: ${refusals.join('; ')}`);
      await space.remember({ text: want.text, listing: await listing(space) });
      // A table that was away has lost them; one that was fitted keeps them, and is told what it knows.
      if (sets.has(knownSets[4])) await tellKnown(space, [...space.known.keys()]);
      if (sets.has(leaseSet) && space.leased) await session.run(leaseElement);
      return;
    } catch (error) {
      space.elements = before;
      if (!(error instanceof Fault && error.code === 'rejected')) throw error;
      refusals.push(messageOf(error));
    }
  }
  throw new Fault('rejected', refusals.at(-1) ?? '');
}

async function applyElements(space: Space, steps: readonly ElementStep[]): Promise<readonly StepFailure[]> {
  const known = await knownElements(space);
  // What is gone needs no removal; a new ruleset may have taken it along.
  const due = steps.filter((step) => step.op !== 'remove' || known.has(step.key));
  const failures = await sendInBatches(due, elementsAtOnce, async (batch) => {
    const added = batch.filter((step) => step.op !== 'remove').map(elementOf);
    // A map has a key once: what it had goes in the same transaction.
    const removed = batch.flatMap((step) => (step.op === 'add' ? [] : [step.found]));
    await (await space.session()).run(renderElements(added, removed));
    // By the want's own keys: 20,000 of them a second time are 2 MB.
    for (const step of batch) {
      if (step.op === 'remove') known.delete(step.key);
      else known.set(step.key, step.want);
    }
  });
  return failures.map(({ item: step, message }) => ({ step, message }));
}

async function tellKnown(space: Space, addresses: readonly string[]): Promise<void> {
  for (let at = 0; at < addresses.length; at += elementsAtOnce)
    await (await space.session()).run(renderKnown(addresses.slice(at, at + elementsAtOnce)));
}

/**
 * Those that no table takes now are told to the next one: what is no address is not remembered, or no table would be
 * made for a day. The others are not its matter.
 * @throws Fault `invalid`: one was none
 */
export async function makeKnown(space: Space, given: readonly string[], nowMs: number): Promise<void> {
  const addresses = given.filter(isAddress);
  noteKnown(space.known, addresses, nowMs);
  await space.exclusive(async () => {
    try {
      await tellKnown(space, addresses);
    } catch (error) {
      // No table, or one without these sets.
      if (!(error instanceof Fault && error.code === 'rejected')) throw error;
    }
  });
  const bad = given.find((address) => !isAddress(address));
  if (bad !== undefined) throw new Fault('invalid', `${JSON.stringify(bad)} is not an address`);
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
        await (step.op === 'remove' ? removeRuleset(space) : replaceRuleset(space, step.want));
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
