import { array, assert, constantFrom, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import type { WatchEvent } from '#internal/etcd/etcd.ts';
import { encodeCandidate, leaderKey, sessionKey } from './keys.ts';
import { createView, type Holder, holderOf } from './view.ts';

const pool = '4-2c1f0000-22';
const put = (revision: number, leaseId = BigInt(revision)): WatchEvent => ({
  key: leaderKey(pool),
  value: encodeCandidate(`p${leaseId}`),
  modRevision: BigInt(revision),
  createRevision: BigInt(revision),
  leaseId,
});
const deleted = (revision: number): WatchEvent => ({ key: leaderKey(pool), modRevision: BigInt(revision) });
const batch = (revision: number, events: readonly WatchEvent[] = [], relisted = false) => ({
  revision: BigInt(revision),
  relisted,
  events,
});

/** One revision each: the key is made, deleted, or something else happens. */
const histories = array(constantFrom('put', 'delete', 'other'), { minLength: 1, maxLength: 12 }).map((steps) => {
  const events: (WatchEvent | undefined)[] = [];
  const states: (Holder | undefined)[] = [undefined];
  for (const [at, step] of steps.entries()) {
    const before = states[at];
    const happens = step === 'put' ? before === undefined : step === 'delete' && before !== undefined;
    const event = happens ? (step === 'put' ? put(at + 1) : deleted(at + 1)) : undefined;
    events.push(event);
    states.push(event === undefined ? before : holderOf(event));
  }
  return { events, states };
});

test('whatever comes first, the watch or our own answers, the view is of the newest revision that was told', () => {
  assert(
    property(histories, array(nat({ max: 20 }), { maxLength: 30 }), ({ events, states }, order) => {
      const view = createView(realClock);
      view.take(batch(0, [], true));
      let watched = 0;
      let newest = 0;
      const watchOn = () => {
        const event = events[watched++];
        view.take(batch(watched, event === undefined ? [] : [event]));
      };
      for (const choice of order) {
        // Above the last revision: the watch goes on. Else: an answer of that revision comes, however late.
        if (choice < states.length) view.learn(pool, BigInt(choice), states[choice]);
        else if (watched < events.length) watchOn();
        newest = Math.max(newest, watched, choice < states.length ? choice : 0);
        expect(view.holder(pool)).toEqual(states[newest]);
      }
      while (watched < events.length) watchOn();
      expect(view.holder(pool)).toEqual(states.at(-1));
    }),
  );
});

test('a list forgets what it does not name, but not what was learned of later', () => {
  const view = createView(realClock);
  view.take(batch(5, [put(5)], true));
  view.learn('later', 9n, { nodeId: 'p1', leaseId: 1n, createRevision: 9n });
  expect([...view.take(batch(7, [], true))]).toEqual([pool]);
  expect([...view.holders()].map(([poolId]) => poolId)).toEqual(['later']);
});

test('a store that was set back takes everything with it', () => {
  const view = createView(realClock);
  view.take(batch(50, [put(50)], true));
  view.learn('later', 51n, { nodeId: 'p1', leaseId: 1n, createRevision: 51n });
  view.take(batch(3, [put(2)], true));
  expect([...view.holders()]).toEqual([[pool, { nodeId: 'p2', leaseId: 2n, createRevision: 2n }]]);
});

const session = (event: Partial<WatchEvent>): WatchEvent => ({
  key: sessionKey('1f'),
  value: encodeCandidate('p1'),
  modRevision: 2n,
  createRevision: 2n,
  leaseId: 0x1fn,
  ...event,
});
const { leaseId: _, ...underNone } = session({});

test.each<[string, WatchEvent, readonly string[]]>([
  ['of a daemon', session({}), ['1f']],
  ['under no lease', underNone, []],
  ['under another lease', session({ leaseId: 0x20n }), []],
  ['with a value of another kind', session({ value: Buffer.from([0xff]) }), []],
  ['of a node that has no such name', session({ value: encodeCandidate('\u001b[2J') }), []],
])('a session %s', (_name, event, counts) => {
  const view = createView(realClock);
  view.take(batch(2, [event], true));
  expect(Array.from(view.sessions(), ({ id }) => id)).toEqual(counts);
});

test('keys that mean nothing here are passed over, and a leader that nobody can read has no name', () => {
  const view = createView(realClock);
  const poison = { ...put(2), value: Buffer.from('?') };
  view.take(batch(3, [{ ...put(3), key: '/pop44/election/v1/other/x' }, poison], true));
  expect(view.holder(pool)).toEqual({ nodeId: undefined, leaseId: 2n, createRevision: 2n });
  expect([...view.holders()]).toHaveLength(1);
});
