// Kernel: the plane that a kernel is, asked for no more than what the walk reads.

import type { Item, Kind, Kinds, Session, Way } from '#internal/dataplane/dataplane.ts';
import { itemKey } from '#internal/dataplane/dataplane.ts';
import type { Asked, Plane } from './plane.ts';
import type { Scene } from './scene.ts';
import type { Walk } from './step.ts';
import { walk } from './walk.ts';

/** What the privileged half answers: of the keys asked those that are there. */
export interface Answer {
  readonly items: readonly Item[];
  readonly way: Way;
  readonly sessions: readonly Session[];
}

/** Each round reads what the one before has led to: a source's group, then its ports; a class, then its rate. */
const mostRounds = 8;

/**
 * Walks what is there. `first` are the keys that the plan's walk has read: where the kernel is as planned, one question is
 * all. Undefined: it changed under our eyes, again and again.
 */
export async function kernelWalk(
  scene: Scene,
  first: readonly Asked[],
  ask: (keys: readonly Asked[]) => Promise<Answer>,
): Promise<Walk | undefined> {
  const known = new Map<string, Kinds[Kind] | undefined>();
  let asked = first;
  for (let round = 0; round < mostRounds; round += 1) {
    const answer = await ask(asked);
    for (const [kind, key] of asked) known.set(`${kind} ${key}`, undefined);
    for (const item of answer.items) known.set(`${item[0]} ${itemKey(item)}`, item[1]);
    const unknown = new Map<string, Asked>();
    const plane: Plane = {
      get: <K extends Kind>(kind: K, key: string) => {
        const name = `${kind} ${key}`;
        if (!known.has(name)) unknown.set(name, [kind, key]);
        // Set under its kind's name alone.
        return known.get(name) as Kinds[K] | undefined;
      },
      way: answer.way,
      sessions: answer.sessions,
    };
    const walked = walk(plane, scene);
    if (unknown.size === 0) return walked;
    asked = [...unknown.values()];
  }
  return undefined;
}
