import { assert, constantFrom, integer, property, shuffledSubarray, uniqueArray } from 'fast-check';
import { expect, test } from 'vitest';
import { preference, type Ranked } from './rank.ts';

const session = (nodeId: string, id = `${nodeId}-1`): Ranked => ({ id, nodeId });
const first = (poolId: string, sessions: readonly Ranked[]) => preference(poolId, sessions)[0]?.nodeId ?? '';
const pools = Array.from({ length: 60 }, (_, n) => `4-2c1f${(4 * n).toString(16).padStart(4, '0')}-22`);
const shares = (poolIds: readonly string[], nodes: readonly string[]) =>
  nodes.map(
    (node) =>
      poolIds.filter(
        (poolId) =>
          first(
            poolId,
            nodes.map((id) => session(id)),
          ) === node,
      ).length,
  );

test.each([
  ['three', ['p1', 'p2', 'p3']],
  ['three, named otherwise', ['vie-1', 'vie-2', 'ams-1']],
])('60 pools spread over %s daemons: each leads 10 to 30', (_, nodes) => {
  const counts = shares(pools, nodes);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...counts)).toBeLessThanOrEqual(30);
});

test('1,000 pools spread evenly over any daemons', () => {
  const many = Array.from({ length: 1_000 }, (_, n) => `6-2001${n.toString(16).padStart(28, '0')}-48`);
  const names = uniqueArray(integer({ min: 1, max: 9_999 }), { minLength: 2, maxLength: 6 });
  assert(
    property(names, (numbers) => {
      const counts = shares(
        many,
        numbers.map((n) => `p${n}`),
      );
      const mean = 1_000 / numbers.length;
      // Six times the standard deviation of a fair draw.
      for (const count of counts) expect(Math.abs(count - mean)).toBeLessThan(6 * Math.sqrt(mean));
    }),
    { numRuns: 20 },
  );
});

test('the order of the sessions never matters', () => {
  const sessions = [session('p1'), session('p2'), session('p2', 'p2-2'), session('p3'), session('p4')];
  const shuffled = shuffledSubarray(sessions, { minLength: sessions.length });
  assert(
    property(constantFrom(...pools), shuffled, (poolId, others) => {
      expect(preference(poolId, others)).toEqual(preference(poolId, sessions));
    }),
  );
});

test('a daemon that goes leaves its own pools to the others and moves none of theirs', () => {
  const before = [session('p1'), session('p2'), session('p3')];
  const after = before.slice(1);
  const kept = pools.filter((poolId) => first(poolId, before) !== 'p1');
  expect(kept.map((poolId) => first(poolId, after))).toEqual(kept.map((poolId) => first(poolId, before)));
});

test('a daemon that was started again has the pools that it had', () => {
  const others = [session('p1'), session('p3')];
  for (const poolId of pools) {
    expect(first(poolId, [...others, session('p2', 'new')])).toBe(first(poolId, [...others, session('p2', 'old')]));
  }
});
