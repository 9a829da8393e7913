// Apply: one `ip -batch` a step; then the neighbours are told.

import type { Floating } from '#internal/dataplane/dataplane.ts';
import type { StepFailure } from '#internal/driver/driver.ts';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';
import type { StepOf } from '#internal/plan/step.ts';
import type { Announcer } from './announcer.ts';
import { linkTo, observeFamily } from './observe.ts';
import { demandFloating, fallLine, standLines, wayLine } from './render.ts';

async function send(netns: string, family: 4 | 6, lines: readonly string[], gone: boolean): Promise<void> {
  if (lines.length === 0) return;
  const args = [`-${family}`, ...(gone ? ['-force'] : []), '-batch', '-'];
  // Of what is to go, it is no failure that it is gone.
  await run({ file: 'ip', args, netns, input: `${lines.join('\n')}\n`, accept: gone ? [0, 1, 2] : [0] });
}

async function stand(netns: string, announcer: Announcer, want: Floating): Promise<void> {
  demandFloating(want);
  const dev = await linkTo(netns, want.gateway);
  if (dev === undefined) throw new Fault('float', `the gateway ${want.gateway} is no neighbour of this node`);
  await send(netns, want.family, standLines(want, dev), false);
  const { standing, places } = await observeFamily(netns, want.family);
  const place = places.get(dev);
  if (place !== undefined) announcer.announce(want.address, place);
  const others = standing.filter((other) => other.address !== want.address || other.dev !== dev);
  await send(
    netns,
    want.family,
    others.map((other) => fallLine(want.family, other.address, other.dev)),
    true,
  );
}

/** First the address, by which the kernel answers. */
async function fall(netns: string, family: 4 | 6): Promise<void> {
  const { standing } = await observeFamily(netns, family);
  await send(netns, family, [...standing.map(({ address, dev }) => fallLine(family, address, dev)), wayLine], true);
}

export async function applyStep(
  netns: string,
  announcer: Announcer,
  step: StepOf<'floating'>,
): Promise<readonly StepFailure[]> {
  try {
    if (step.op !== 'add') announcer.end(step.found.address);
    if (step.op === 'remove') await fall(netns, step.found.family);
    else await stand(netns, announcer, step.want);
    return [];
  } catch (error) {
    return [{ step, message: messageOf(error) }];
  }
}
