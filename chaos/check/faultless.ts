// Faultless: the story that tests of the judge begin with.

import type { Attempt } from '../history.ts';
import { type Deeds, deedsOf } from './deeds.ts';
import { judge } from './judge.ts';
import { type Story, tellStory } from './story.ts';

export interface Scene {
  readonly story: Story;
  readonly deeds: Deeds;
  readonly pool: string;
  readonly fence: bigint;
}

/** When the next attempt would begin and end. */
function laterThan(story: Story): Pick<Attempt, 'invokedNs' | 'returnedNs'> {
  const endedNs = story.attempts.at(-1)?.returnedNs ?? 0;
  return { invokedNs: endedNs + 1, returnedNs: endedNs + 2 };
}

/** A little of everything, all of it right. */
export function faultless(): Scene {
  const story = tellStory();
  const deeds = deedsOf(story);
  const pool = deeds.pool('44.32.0.0/16', 60);
  const fence = story.elect(pool, 'p1');
  deeds.allocate('ada', pool, '44.32.0.0/32', { fence: { poolId: pool, createRevision: fence } });
  deeds.allocate('bob', pool, '44.32.0.1/32', { node: 'p2' });
  deeds.allocate('bob', pool, '44.32.1.8/29');
  deeds.release('bob', pool, '44.32.0.1/32', 60);
  deeds.allocate('bob', pool, '44.32.0.1/32');
  deeds.release('bob', pool, '44.32.0.1/32', 60);
  story.atMs += 61_000;
  deeds.sweep(pool, '44.32.0.1/32');
  deeds.allocate('cyd', pool, '44.32.0.1/32');
  const again = story.attempts.at(-1);
  if (again !== undefined) story.attempt({ ...again, ...laterThan(story), repeated: true });
  story.attempt({ request: 'no', kind: 'allocate', outcome: 'refused', reason: 'taken' });
  story.attempt({ request: 'lost', kind: 'allocate', outcome: 'unknown', reason: 'deadline' });
  story.attempt({ request: 'lost', kind: 'allocate', outcome: 'refused', reason: 'taken' });
  story.look('p1', 'ada');
  story.look('p2', '');
  return { story, deeds, pool, fence };
}

/** Names of what is broken. */
export const broken = (scene: Scene): readonly string[] =>
  judge(scene.story.evidence())
    .filter(({ violations }) => violations > 0)
    .map(({ name }) => name);
