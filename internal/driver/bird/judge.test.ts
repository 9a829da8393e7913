import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lifeline } from '#internal/dataplane/dataplane.ts';
import { judge, missing, reached, type Sight, usualPace } from './judge.ts';

const lines: readonly Lifeline[] = [
  { to: 'cores', sessions: ['c1', 'c2'] },
  { to: 'upstreams', sessions: ['u1'] },
];
const names = lines.flatMap(({ sessions }) => sessions);
const some = fc.subarray(names).map((list) => new Set(list));
const quiet = (established: ReadonlySet<string>): Sight => ({ settled: true, down: [], established });
const verdict = (before: ReadonlySet<string>, sight: Sight, lookedMs: number) =>
  judge(missing(reached(lines, before), lines, sight), lookedMs, usualPace);
const time = fc.nat({ max: 20_000 });

test('where nothing was up before, no outage is the fault of the text', () => {
  fc.assert(
    fc.property(some, time, (now, ms) => {
      expect(verdict(new Set(), quiet(now), ms)).toBe('stays');
    }),
  );
});

test('one session of each kind that was up is enough, whichever it is and however late it is seen', () => {
  fc.assert(
    fc.property(some, some, time, (before, now, ms) => {
      const kept = reached(lines, before).every((purpose) => reached(lines, now).includes(purpose));
      expect(verdict(before, quiet(now), ms) === 'stays').toBe(kept);
    }),
  );
});

test('what is missing is waited for and then undone, and never the other way round', () => {
  fc.assert(
    fc.property(some, some, time, time, (before, now, a, b) => {
      const [early, late] = [Math.min(a, b), Math.max(a, b)].map((ms) => verdict(before, quiet(now), ms));
      if (early !== 'wait') expect(late).toEqual(early);
      if (late === 'wait') expect(early).toBe('wait');
    }),
  );
  const core = new Set(['c1']);
  expect(verdict(core, quiet(new Set()), usualPace.trialMs - 1)).toBe('wait');
  expect(verdict(core, quiet(new Set()), usualPace.trialMs)).toEqual({
    undone: 'no session to a CORE is up any more',
  });
  expect(verdict(new Set(['u1']), quiet(core), usualPace.trialMs)).toEqual({
    undone: 'no session to an upstream is up any more',
  });
});

test('a session that the new text does not have is not missed: its record is gone', () => {
  const without = lines.map((line) => ({ ...line, sessions: line.sessions.filter((name) => name !== 'c1') }));
  expect(reached(without, new Set(['c1']))).toEqual([]);
});

test('protocols of the node itself come up too, and BIRD settles', () => {
  const all = new Set(names);
  expect(verdict(all, { ...quiet(all), settled: false }, 6_000)).toEqual({ undone: 'it is still reconfiguring' });
  expect(verdict(all, { ...quiet(all), down: ['p44kernel4'] }, 6_000)).toEqual({
    undone: 'p44kernel4 did not come up',
  });
});

test('BIRD goes back by itself after any trial, and within 10 s', () => {
  expect(usualPace.trialMs).toBeLessThan(usualPace.wayBackSeconds * 1_000);
  expect(usualPace.wayBackSeconds).toBeLessThanOrEqual(10);
});
