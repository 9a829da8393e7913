// Laws: whatever happens rightly is right, and whatever single thing is changed afterwards is found.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Attempt } from '../history.ts';
import { type Deeds, deedsOf, idIn } from './deeds.ts';
import { holdingOf } from './holding.ts';
import { type Evidence, judge } from './judge.ts';
import { type Story, tellStory } from './story.ts';

interface Step {
  readonly what: 'allocate' | 'release' | 'take-over' | 'look' | 'wait' | 'refused';
  readonly owner: string;
  readonly at: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom(
    'allocate',
    'allocate',
    'allocate',
    'release',
    'release',
    'take-over',
    'look',
    'wait',
    'refused',
  ),
  owner: fc.constantFrom('ada', 'bob', 'cyd'),
  at: fc.nat(40),
});

const quarantineSeconds = 10;

/** Units of /32 in one slab and of /29 in another. */
const unitAt = (at: number): string => (at < 24 ? `44.32.0.${at}/32` : `44.32.1.${8 * (at - 24)}/29`);

/** A naive allocator that follows the rules. */
function told(steps: readonly Step[]): Story {
  const story = tellStory();
  const deeds = deedsOf(story);
  const pool = deeds.pool('44.32.0.0/16', quarantineSeconds);
  let leader = { node: 'p1', fence: { poolId: pool, createRevision: story.elect(pool, 'p1') } };
  for (const { what, owner, at } of steps) {
    const text = unitAt(at);
    const holding = holdingOf(story.state().of('allocation').get(idIn(pool, text))?.record);
    if (what === 'take-over') {
      story.depose(pool);
      const node = leader.node === 'p1' ? 'p2' : 'p1';
      leader = { node, fence: { poolId: pool, createRevision: story.elect(pool, node) } };
    } else if (what === 'look') story.look('p3', at % 2 === 0 ? '' : owner);
    else if (what === 'wait') story.atMs += at * 1_000;
    else if (what === 'refused')
      story.attempt({ request: `no-${story.attempts.length}`, kind: 'allocate', outcome: 'refused' });
    else perform(story, deeds, pool, { what, owner, text, holding, leader });
  }
  return story;
}

interface Deed {
  readonly what: 'allocate' | 'release';
  readonly owner: string;
  readonly text: string;
  readonly holding: ReturnType<typeof holdingOf>;
  readonly leader: {
    readonly node: string;
    readonly fence: { readonly poolId: string; readonly createRevision: bigint };
  };
}

function perform(story: Story, deeds: Deeds, pool: string, { what, owner, text, holding, leader }: Deed): void {
  if (what === 'release') {
    if (holding.is === 'held') deeds.release(holding.owner, pool, text, quarantineSeconds);
    return;
  }
  if (holding.is === 'quarantined' && holding.owner !== owner && story.atMs >= holding.untilMs) deeds.sweep(pool, text);
  else if (holding.is === 'free' || (holding.is === 'quarantined' && holding.owner === owner))
    deeds.allocate(owner, pool, text, leader);
}

const broken = (evidence: Evidence): readonly string[] =>
  judge(evidence).flatMap(({ name, violations }) => (violations > 0 ? [name] : []));

const stories = fc.array(step, { minLength: 5, maxLength: 60 });

test('whatever follows the rules is without violation', () => {
  fc.assert(
    fc.property(stories, (steps) => {
      expect(broken(told(steps).evidence())).toEqual([]);
    }),
    { numRuns: 100 },
  );
});

/** Each changes one thing; undefined where there is nothing to change. */
const corruptions: Readonly<Record<string, (evidence: Evidence, at: number) => Evidence | undefined>> = {
  'an event is lost': (evidence, at) => {
    const { events } = evidence.log;
    const index = at % Math.max(1, events.length);
    if (events.length === 0) return undefined;
    return { ...evidence, log: { ...evidence.log, events: events.filter((_, place) => place !== index) } };
  },
  'an answer names another revision': (evidence, at) =>
    changed(evidence, at, (attempt) => ({ ...attempt, revision: attempt.revision + 1n })),
  'an answer names another address': (evidence, at) =>
    changed(evidence, at, (attempt) => ({ ...attempt, given: ['allocation/4-2c200000-16/2c20ffff'] })),
  'what was done is called refused': (evidence, at) =>
    changed(evidence, at, (attempt) => ({ ...attempt, outcome: 'refused', revision: 0n, given: [] })),
  'an answer is forgotten': (evidence, at) => {
    const attempts = evidence.history.attempts.filter((attempt) => attempt !== nthGranted(evidence, at));
    const fewer = attempts.length < evidence.history.attempts.length;
    return fewer ? { ...evidence, history: { ...evidence.history, attempts } } : undefined;
  },
  'a record is missing in the list': (evidence, at) => {
    const [{ revision, entries } = { revision: 0n, entries: [] }] = evidence.listings;
    if (entries.length === 0) return undefined;
    return { ...evidence, listings: [{ revision, entries: entries.toSpliced(at % entries.length, 1) }] };
  },
};

const nthGranted = (evidence: Evidence, at: number): Attempt | undefined => {
  const granted = evidence.history.attempts.filter(({ outcome }) => outcome === 'ok');
  return granted[at % Math.max(1, granted.length)];
};

function changed(evidence: Evidence, at: number, change: (attempt: Attempt) => Attempt): Evidence | undefined {
  const chosen = nthGranted(evidence, at);
  if (chosen === undefined) return undefined;
  const attempts = evidence.history.attempts.map((attempt) => (attempt === chosen ? change(attempt) : attempt));
  return { ...evidence, history: { ...evidence.history, attempts } };
}

test.each(Object.entries(corruptions))('it is found when %s', (_, corrupt) => {
  fc.assert(
    fc.property(stories, fc.nat(1_000), (steps, at) => {
      const corrupted = corrupt(told(steps).evidence(), at);
      fc.pre(corrupted !== undefined);
      expect(broken(corrupted)).not.toEqual([]);
    }),
    { numRuns: 50 },
  );
});
