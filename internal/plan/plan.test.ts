import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Dataplane, emptyDataplane, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { plan, printStep, reach } from './plan.ts';

const peer = fc.record({
  link: fc.constantFrom('p44w0', 'p44i-a-b'),
  publicKey: fc.constantFrom('A', 'B', 'C', 'D', 'E'),
  allowedIps: fc
    .uniqueArray(fc.constantFrom('44.31.0.1/32', '44.31.0.2/32', '2001:db8:44:1::/64'))
    .map((l) => l.sort()),
  keepaliveSeconds: fc.constantFrom(0, 25),
});
const route = fc.record({
  netns: fc.constant('pop' as const),
  table: fc.constantFrom(4401, 4402),
  prefix: fc.constantFrom('44.31.0.0/24', '44.31.1.0/24', '::/0'),
  type: fc.constant('unicast' as const),
  dev: fc.constantFrom('p44w0', 'lo'),
});
const element = fc.record({
  netns: fc.constantFrom('pop' as const, 'transport' as const),
  set: fc.constantFrom('t4_32', 't6_64'),
  element: fc.constantFrom('44.31.0.1', '44.31.0.2', '44.31.0.3'),
});
const bird = fc.record({
  netns: fc.constantFrom('pop' as const, 'transport' as const),
  text: fc.string(),
  lifelines: fc.array(
    fc.record({ to: fc.constantFrom('cores' as const, 'upstreams' as const), sessions: fc.array(fc.string()) }),
  ),
});

const dataplane: fc.Arbitrary<Dataplane> = fc
  .record({ peers: fc.array(peer), routes: fc.array(route), elements: fc.array(element), birds: fc.array(bird) })
  .map(({ peers, routes, elements, birds }) => {
    const made = emptyDataplane();
    for (const value of peers) put(made, 'peer', value);
    for (const value of routes) put(made, 'route', value);
    for (const value of elements) put(made, 'element', value);
    for (const value of birds) put(made, 'bird', value);
    return made;
  });

const copy = (from: Dataplane): MutableDataplane => {
  const made = emptyDataplane();
  for (const [kind, map] of Object.entries(from))
    for (const [key, value] of map) (made[kind as keyof Dataplane] as Map<string, unknown>).set(key, value);
  return made;
};

test('a plan from a state to itself is empty', () => {
  fc.assert(
    fc.property(dataplane, (x) => {
      expect(plan(x, copy(x))).toEqual([]);
    }),
  );
});

test('carrying out a plan reaches what was wanted', () => {
  fc.assert(
    fc.property(dataplane, dataplane, (want, found) => {
      const reached = copy(found);
      for (const step of plan(want, found)) reach(reached, step);
      expect(plan(want, reached)).toEqual([]);
      expect(reached).toEqual(want);
    }),
  );
});

test('the order in which values were inserted never matters', () => {
  const shuffled = (x: Dataplane): Dataplane => {
    const made = emptyDataplane();
    for (const [kind, map] of Object.entries(x))
      for (const [key, value] of [...map].reverse())
        (made[kind as keyof Dataplane] as Map<string, unknown>).set(key, value);
    return made;
  };
  fc.assert(
    fc.property(dataplane, dataplane, (want, found) => {
      expect(plan(shuffled(want), shuffled(found))).toEqual(plan(want, found));
    }),
  );
});

test('a plan limited to the keys that differ is the whole plan', () => {
  fc.assert(
    fc.property(dataplane, dataplane, (want, found) => {
      const whole = plan(want, found);
      const keys: Record<string, Set<string>> = {};
      for (const step of whole) (keys[step.kind] ??= new Set()).add(step.key);
      expect(plan(want, found, keys)).toEqual(whole);
    }),
  );
});

test('every addition comes before every removal, announcements after routes, withdrawals before them', () => {
  const want = emptyDataplane();
  const found = emptyDataplane();
  put(want, 'peer', { link: 'p44w0', publicKey: 'new', allowedIps: ['44.31.0.1/32'], keepaliveSeconds: 0 });
  put(found, 'peer', { link: 'p44w0', publicKey: 'old', allowedIps: ['44.31.0.1/32'], keepaliveSeconds: 0 });
  put(want, 'route', { netns: 'pop', table: 4401, prefix: '44.31.1.0/24', type: 'unicast', dev: 'p44w0' });
  put(found, 'route', { netns: 'pop', table: 4401, prefix: '44.31.0.0/24', type: 'unicast', dev: 'p44w0' });
  put(want, 'bird', { netns: 'pop', text: 'new', lifelines: [] });
  put(found, 'bird', { netns: 'pop', text: 'old', lifelines: [] });
  expect(plan(want, found).map(printStep)).toEqual([
    '+ peer p44w0 new',
    '+ route pop 4401 44.31.1.0/24',
    '~ bird pop',
    '- route pop 4401 44.31.0.0/24',
    '- peer p44w0 old',
  ]);
});

test.each([
  ['an endpoint learned by roaming is not drift', undefined, '198.18.9.9:1000', 0],
  ['a driver that keeps silent about a live endpoint is believed', '198.18.1.2:51900', undefined, 0],
  ['a pinned endpoint that was changed is drift', '198.18.1.2:51900', '198.18.9.9:1000', 1],
])('%s', (_, wanted, observed, steps) => {
  const base = { link: 'p44i-a-b', publicKey: 'A', allowedIps: [], keepaliveSeconds: 5 };
  const want = emptyDataplane();
  const found = emptyDataplane();
  put(want, 'peer', wanted === undefined ? base : { ...base, endpoint: wanted });
  put(found, 'peer', observed === undefined ? base : { ...base, endpoint: observed });
  expect(plan(want, found)).toHaveLength(steps);
});
