import fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultKinds, faultTable, type PlannedFault } from './fault.ts';
import { scheduleFaults } from './fault-schedule.ts';

const nodes = ['p1', 'p2', 'p3'];
const options = { quietMs: 5_000, endMs: 110_000, leaseMs: 3_000, nodes, kinds: faultKinds };
const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });

const reachOf = ({ kind }: PlannedFault) => faultTable[kind].reach;
const overlap = (a: PlannedFault, b: PlannedFault): boolean =>
  a.at <= b.at + b.durationMs && b.at <= a.at + a.durationMs;

/** Every two that go on at once. */
const pairs = (planned: readonly PlannedFault[]): readonly (readonly [PlannedFault, PlannedFault])[] =>
  planned.flatMap((a, at) => planned.slice(at + 1).flatMap((b) => (overlap(a, b) ? [[a, b] as const] : [])));

test('a seed gives the same faults again, another one others', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      expect(scheduleFaults({ ...options, seed })).toEqual(scheduleFaults({ ...options, seed }));
      expect(scheduleFaults({ ...options, seed })).not.toEqual(scheduleFaults({ ...options, seed: seed + 1 }));
    }),
    { numRuns: 50 },
  );
});

test('nothing happens in the quiet time, and everything is over at the end', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      for (const { at, durationMs } of scheduleFaults({ ...options, seed })) {
        expect(at).toBeGreaterThanOrEqual(options.quietMs);
        expect(at + durationMs).toBeLessThanOrEqual(options.endMs);
      }
    }),
    { numRuns: 50 },
  );
});

test('a majority of etcd is always there', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const both = pairs(scheduleFaults({ ...options, seed }).filter((fault) => reachOf(fault) === 'member'));
      expect(both).toEqual([]);
    }),
    { numRuns: 50 },
  );
});

test('a daemon is disturbed in one way at a time, and never are all of them', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const daemons = scheduleFaults({ ...options, seed }).filter((fault) => reachOf(fault) === 'daemon');
      for (const [a, b] of pairs(daemons)) expect(a.target).not.toBe(b.target);
      for (const fault of daemons)
        expect(
          daemons.filter((other) => other !== fault && overlap(fault, other) && other.at <= fault.at).length,
        ).toBeLessThan(2);
    }),
    { numRuns: 50 },
  );
});

test('two minutes bring every kind and at least forty faults', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const planned = scheduleFaults({ ...options, seed });
      expect(planned.length).toBeGreaterThanOrEqual(40);
      expect(new Set(planned.map(({ kind }) => kind)).size).toBe(faultKinds.length);
    }),
    { numRuns: 50 },
  );
});

test('unless they are asked for, there are no faults that need toxiproxy', () => {
  const { kinds: _, ...usual } = options;
  expect(scheduleFaults({ ...usual, seed: 1 }).map(reachOf)).not.toContain('path');
  const only = scheduleFaults({ ...options, kinds: ['daemon-kill'], seed: 1 });
  expect(new Set(only.map(({ kind }) => kind))).toEqual(new Set(['daemon-kill']));
});
