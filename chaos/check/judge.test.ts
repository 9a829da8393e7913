import { expect, test } from 'vitest';
import type { Attempt } from '../history.ts';
import { idIn } from './deeds.ts';
import { broken, faultless, type Scene } from './faultless.ts';
import { type InvariantName, ofParts } from './invariant.ts';
import { judge } from './judge.ts';
import { type Story, tellStory } from './story.ts';

test('a faultless story has no violation, and nearly everything was looked at', () => {
  const scene = faultless();
  expect(judge(scene.story.evidence()).filter(({ violations }) => violations > 0)).toEqual([]);
  const unseen = judge(scene.story.evidence()).filter(({ checks }) => checks === 0);
  // The other traffic has stories of its own (judge-parts.test.ts).
  const names = unseen.map(({ name }) => name).filter((name) => !(name in ofParts));
  expect(names).toEqual(['delegation', 'tunnel']);
});

test('what was decided before a clock was set back was decided in time', () => {
  const scene = faultless();
  const { story, deeds, pool } = scene;
  deeds.allocate('dan', pool, '44.32.0.9/32');
  // Decided at the time of the commit before, in a pool with a minute; written when the clock has gone back.
  story.atMs -= 40_000;
  deeds.release('dan', pool, '44.32.0.9/32', 100);
  expect(broken(scene)).toEqual([]);
  deeds.allocate('dan', pool, '44.32.0.10/32');
  deeds.release('dan', pool, '44.32.0.10/32', 101);
  expect(broken(scene)).toEqual(['quarantine']);
});

function lastAttempt(story: Story, change: (attempt: Attempt) => Attempt): void {
  const last = story.attempts.pop();
  if (last !== undefined) story.attempts.push(change(last));
}

type Planted = readonly [what: string, name: InvariantName, plant: (scene: Scene) => void];

const planted: readonly Planted[] = [
  ['one address for two owners', 'no-overlap', ({ deeds, pool }) => void deeds.allocate('bob', pool, '44.32.0.0/32')],
  [
    'one address twice for one owner',
    'no-overlap',
    ({ story, deeds, pool }) => {
      story.atMs += 1;
      deeds.allocate('ada', pool, '44.32.0.0/32');
    },
  ],
  [
    'a /29 around a /32',
    'no-overlap',
    ({ story, deeds, pool }) => {
      const writes = [deeds.allocationWrite(pool, '44.32.0.0/29', { owner: 'bob' })];
      story.commit({ request: 'x', writes });
      story.attempt({
        request: 'x',
        kind: 'allocate',
        owner: 'bob',
        given: [`allocation/${idIn(pool, '44.32.0.0/29')}`],
      });
    },
  ],
  [
    'a slab that is delegated with an address in it',
    'no-overlap',
    ({ story, deeds, pool }) => {
      story.commit({
        request: 'x',
        writes: [deeds.slabWrite(pool, '44.32.0.0/24', 24, { delegatedPoolId: '4-2c200000-24' })],
      });
      story.attempt({ request: 'x', kind: 'delegate' });
    },
  ],
  ['a pool over another', 'no-overlap', ({ deeds }) => void deeds.pool('44.32.128.0/17')],
  ['outside the pool', 'in-pool', ({ deeds, pool }) => void deeds.allocate('bob', pool, '44.33.0.0/32')],
  ['in a slab of another unit', 'in-pool', ({ deeds, pool }) => void deeds.allocate('bob', pool, '44.32.1.0/32')],
  [
    'a slab gets another unit while in use',
    'slab-unit',
    ({ story, deeds, pool }) => {
      story.commit({ request: 'x', writes: [deeds.slabWrite(pool, '44.32.0.0/24', 29)] });
      story.attempt({ request: 'x', kind: 'update-pool' });
    },
  ],
  [
    'a slab goes while in use',
    'slab-unit',
    ({ story, pool }) => {
      story.commit({ request: 'x', writes: [{ op: 'delete', kind: 'slab', id: idIn(pool, '44.32.0.0/24') }] });
      story.attempt({ request: 'x', kind: 'update-pool' });
    },
  ],
  [
    'out of quarantine to another owner',
    'quarantine',
    ({ deeds, pool }) => {
      deeds.release('ada', pool, '44.32.0.0/32', 60);
      deeds.allocate('bob', pool, '44.32.0.0/32');
    },
  ],
  [
    'swept before its time',
    'quarantine',
    ({ story, deeds, pool }) => {
      deeds.release('ada', pool, '44.32.0.0/32', 60);
      story.atMs += 59_000;
      deeds.sweep(pool, '44.32.0.0/32');
    },
  ],
  [
    'released without quarantine',
    'quarantine',
    ({ deeds, pool }) => void deeds.release('ada', pool, '44.32.0.0/32', 0),
  ],
  [
    'given though reserved',
    'reserved',
    ({ deeds, pool }) => {
      deeds.reserve(pool, '44.32.0.128/25', 'zoe');
      deeds.allocate('ada', pool, '44.32.0.130/32');
    },
  ],
  ['reserved though given', 'reserved', ({ deeds, pool }) => deeds.reserve(pool, '44.32.0.0/28', '')],
  [
    'given though frozen',
    'frozen',
    ({ deeds, pool }) => {
      deeds.putPool(pool, { frozen: true });
      deeds.allocate('ada', pool, '44.32.0.130/32');
    },
  ],
  [
    'a delegation without a block',
    'delegation',
    ({ deeds, pool }) => {
      const child = deeds.pool('44.32.9.0/28');
      deeds.putPool(child, { parentPoolId: pool });
    },
  ],
  [
    'an address that names a tunnel that is not there',
    'tunnel',
    ({ story, deeds, pool }) => {
      const writes = [deeds.allocationWrite(pool, '44.32.0.9/32', { owner: 'bob', tunnelId: 't1' })];
      story.commit({ request: 'x', writes });
      story.attempt({ request: 'x', kind: 'create-tunnel' });
    },
  ],
  ['an acknowledged allocation goes by itself', 'never-lost', ({ deeds, pool }) => deeds.sweep(pool, '44.32.0.0/32')],
  [
    'released by somebody else’s request',
    'never-lost',
    ({ story, deeds, pool }) => {
      deeds.release('ada', pool, '44.32.0.0/32', 60);
      lastAttempt(story, (last) => ({ ...last, takes: [`allocation/${idIn(pool, '44.32.0.1/32')}`] }));
    },
  ],
  [
    'a lost acknowledgement: answered, never written',
    'one-effect',
    ({ story, pool }) =>
      story.attempt({ request: 'x', kind: 'allocate', given: [`allocation/${idIn(pool, '44.32.0.77/32')}`] }),
  ],
  [
    'an answer with a stale revision',
    'one-effect',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      lastAttempt(story, (last) => ({ ...last, revision: last.revision - 1n }));
    },
  ],
  [
    'an answer with another address than was written',
    'one-effect',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      lastAttempt(story, (last) => ({ ...last, given: [`allocation/${idIn(pool, '44.32.0.51/32')}`] }));
    },
  ],
  [
    'refused but done',
    'no-effect',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      lastAttempt(story, (last) => ({ ...last, outcome: 'refused', revision: 0n, given: [], reason: 'taken' }));
    },
  ],
  [
    'certainly not done, and done',
    'no-effect',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      lastAttempt(story, (last) => ({
        ...last,
        outcome: 'unavailable',
        revision: 0n,
        given: [],
        reason: 'unavailable',
      }));
    },
  ],
  [
    'done and asked for by nobody: a repeat under a new id',
    'no-effect',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      story.attempts.pop();
    },
  ],
  [
    'carried out twice',
    'at-most-once',
    ({ story, deeds, pool }) => {
      const request = deeds.allocate('ada', pool, '44.32.0.50/32');
      deeds.allocate('ada', pool, '44.32.0.51/32', { request });
      story.attempts.pop();
    },
  ],
  [
    'a repeat with another answer',
    'first-answer',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      story.attempt({
        ...(story.attempts.at(-1) as Attempt),
        invokedNs: 9e9,
        returnedNs: 9.1e9,
        given: [],
        repeated: true,
      });
    },
  ],
  [
    'a repeat that is refused',
    'first-answer',
    ({ story, deeds, pool }) => {
      const request = deeds.allocate('ada', pool, '44.32.0.50/32');
      story.attempt({ request, kind: 'allocate', outcome: 'refused', reason: 'taken' });
    },
  ],
  [
    'never resolved',
    'resolved',
    ({ story }) => story.attempt({ request: 'x', kind: 'allocate', outcome: 'unknown', reason: 'pending' }),
  ],
  [
    'resolved too late',
    'resolved',
    ({ story }) => {
      story.attempt({ request: 'x', kind: 'allocate', outcome: 'unknown', reason: 'pending' });
      story.attempt({
        request: 'x',
        kind: 'allocate',
        outcome: 'refused',
        reason: 'taken',
        invokedNs: 1,
        returnedNs: 60e9,
      });
    },
  ],
  [
    'a later request with an earlier revision',
    'real-time',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      deeds.allocate('bob', pool, '44.32.0.51/32');
      const [later, earlier] = [story.attempts.pop(), story.attempts.pop()];
      if (later === undefined || earlier === undefined) return;
      const { invokedNs, returnedNs } = later;
      story.attempts.push({ ...later, invokedNs: earlier.invokedNs, returnedNs: earlier.returnedNs });
      story.attempts.push({ ...earlier, invokedNs, returnedNs });
    },
  ],
  [
    'a leader commits after its key is gone',
    'fence',
    ({ story, deeds, pool, fence }) => {
      story.depose(pool);
      deeds.allocate('ada', pool, '44.32.0.50/32', { fence: { poolId: pool, createRevision: fence } });
    },
  ],
  [
    'a leader commits when another leads',
    'fence',
    ({ story, deeds, pool, fence }) => {
      story.depose(pool);
      story.elect(pool, 'p2');
      deeds.allocate('ada', pool, '44.32.0.50/32', { fence: { poolId: pool, createRevision: fence } });
    },
  ],
  [
    'a daemon signs with the fence of another',
    'fence',
    ({ deeds, pool, fence }) =>
      void deeds.allocate('ada', pool, '44.32.0.50/32', { node: 'p2', fence: { poolId: pool, createRevision: fence } }),
  ],
  [
    'an audit record is missing in the chain',
    'audit-chain',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      deeds.allocate('ada', pool, '44.32.0.51/32');
      const audits = story.events.filter(({ key }) => key.includes('/audit/'));
      const gone = audits.at(-2);
      if (gone !== undefined) story.events.splice(story.events.indexOf(gone), 1);
    },
  ],
  [
    'an audit record was altered',
    'audit-chain',
    ({ story, deeds, pool }) => {
      deeds.allocate('ada', pool, '44.32.0.50/32');
      deeds.allocate('ada', pool, '44.32.0.51/32');
      const at = story.events.findLastIndex(({ key }) => key.includes('/audit/'));
      const before = story.events.findLastIndex(({ key }, index) => index < at && key.includes('/audit/'));
      const altered = story.events[before];
      const value = altered?.value?.slice();
      if (altered === undefined || value === undefined) return;
      // The last byte of the last change's text.
      value[value.length - 1] = 0x39;
      story.events[before] = { ...altered, value };
    },
  ],
  [
    'a change without an audit record',
    'audit-complete',
    ({ deeds, pool }) => void deeds.allocate('ada', pool, '44.32.0.50/32', { withoutAudit: true }),
  ],
  [
    'a change that the audit record does not name',
    'audit-complete',
    ({ deeds, pool }) => void deeds.allocate('ada', pool, '44.32.0.50/32', { told: ['put pool/x'] }),
  ],
  [
    'a daemon shows what is not there',
    'daemon-map',
    ({ story }) => story.look('p3', 'ada', (map) => map.set('allocation/4-2c200000-16/2c200055', '7')),
  ],
  [
    'a daemon misses one',
    'daemon-map',
    ({ story }) => story.look('p3', '', (map) => map.delete([...map.keys()][0] ?? '')),
  ],
  [
    'a daemon shows an old record',
    'daemon-map',
    ({ story }) => story.look('p3', 'ada', (map) => map.set([...map.keys()][0] ?? '', '101')),
  ],
  [
    'a revision that the witness never heard of',
    'witness',
    ({ story, pool }) => {
      story.elect(pool, 'p2');
      story.events.pop();
    },
  ],
];

test.each(planted)('the judge finds %s', (_, name, plant) => {
  const scene = faultless();
  plant(scene);
  expect(broken(scene)).toContain(name);
});

test('every invariant was broken once', () => {
  const names = judge(tellStory().evidence()).map(({ name }) => name);
  expect(names.filter((name) => !(name in ofParts) && !planted.some(([, each]) => each === name))).toEqual([]);
});
