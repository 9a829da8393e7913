import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeToAsk, type Place, ranked } from './reach.ts';

const place = (popId: string, rttMs: number | undefined, load: number | 'away' = 0): Place => ({
  popId,
  rttMs,
  load: load === 'away' ? undefined : load,
});
const order = (places: readonly Place[], own = 'b') => {
  const { places: sorted, proposed, by } = ranked(places, own);
  return [sorted.map(({ popId }) => popId).join(''), proposed, by];
};

test.each<readonly [string, readonly Place[], readonly string[]]>([
  ['the lowest wins, whatever the load', [place('a', 40), place('b', 31), place('c', 12, 9)], ['cba', 'c', 'nearest']],
  [
    'what was not measured comes after',
    [place('a', undefined), place('b', undefined), place('c', 300)],
    ['cba', 'c', 'nearest'],
  ],
  [
    'nothing measured: the least loaded',
    [place('a', undefined, 3), place('b', undefined, 2), place('c', undefined, 0.5)],
    ['cba', 'c', 'least-loaded'],
  ],
  [
    'a little less load is no reason to go elsewhere',
    [place('a', undefined, 0.4), place('b', undefined, 1.2)],
    ['ba', 'b', 'least-loaded'],
  ],
  [
    'who is not heard is last',
    [place('a', undefined, 'away'), place('b', undefined, 'away'), place('c', undefined, 5)],
    ['cab', 'c', 'least-loaded'],
  ],
  ['no place', [], ['', '', '']],
])('%s', (_, places, wanted) => {
  expect(order(places)).toEqual(wanted);
});

test('the order is one whatever the order it is asked in', () => {
  const figure = fc.option(fc.constantFrom(0, 1, 2.5, 40), { nil: undefined });
  const places = fc.uniqueArray(
    fc.record({ popId: fc.constantFrom('a', 'b', 'c', 'd', 'e'), rttMs: figure, load: figure }),
    {
      selector: ({ popId }) => popId,
    },
  );
  fc.assert(
    fc.property(places, (all) => {
      expect(order(all)).toEqual(order(all.toReversed()));
    }),
  );
});

test('of a place the node that carries it is asked, and one that is out of use only where there is no other', () => {
  const node = (nodeId: string, change: object = {}) => ({
    ...{ nodeId, popId: 'north', heard: true, drained: false, role: 'alone', load: 0, ...change },
  });
  const asked = (...nodes: readonly ReturnType<typeof node>[]) => nodeToAsk(nodes)?.nodeId;
  expect(asked(node('a', { role: 'standby' }), node('b', { role: 'active' }))).toBe('b');
  expect(asked(node('a', { heard: false }), node('b', { role: 'standby' }))).toBe('b');
  expect(asked(node('b'), node('a', { drained: true }))).toBe('b');
  expect(asked(node('a', { drained: true }))).toBe('a');
  expect(asked(node('a', { heard: false }))).toBeUndefined();
});
