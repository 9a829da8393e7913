import fc from 'fast-check';
import { expect, test } from 'vitest';
import { mostUnits, UnitSet } from './unit-set.ts';

test('behaves as a plain set with a search from below', () => {
  const size = fc.constantFrom(1, 4, 31, 32, 33, 256, 1024, 1025, 40_000);
  const step = fc.record({ add: fc.boolean(), run: fc.nat(70), at: fc.nat(), from: fc.nat() });
  fc.assert(
    fc.property(size, fc.array(step, { maxLength: 40 }), (units, steps) => {
      const set = new UnitSet(units);
      const naive = new Set<number>();
      for (const { add, run, at, from } of steps) {
        for (let unit = at % units; unit < Math.min(units, (at % units) + run); unit += 1) {
          if (add) naive.add(unit);
          else naive.delete(unit);
          if (add) set.add(unit);
          else set.delete(unit);
        }
        let lowest: number | undefined = from % units;
        while (naive.has(lowest)) lowest += 1;
        if (lowest >= units) lowest = undefined;
        expect(set.nextAbsent(from % units)).toBe(lowest);
        expect(set.has(at % units)).toBe(naive.has(at % units));
        expect([...set].sort((a, b) => a - b)).toEqual([...naive].sort((a, b) => a - b));
      }
    }),
    { numRuns: 100 },
  );
});

test('finds the one gap of a full set, and nothing when there is none', () => {
  const set = new UnitSet(40_000);
  for (let unit = 0; unit < 40_000; unit += 1) set.add(unit);
  expect(set.nextAbsent(0)).toBeUndefined();
  set.delete(31_999);
  expect(set.nextAbsent(0)).toBe(31_999);
  expect(set.nextAbsent(32_000)).toBeUndefined();
});

test('takes the largest size there is without holding it', () => {
  const set = new UnitSet(mostUnits);
  set.add(0);
  set.add(mostUnits - 1);
  expect(set.nextAbsent(0)).toBe(1);
  expect(set.nextAbsent(mostUnits - 1)).toBeUndefined();
  expect([...set]).toEqual([0, mostUnits - 1]);
});

test('holds nothing', () => {
  expect(new UnitSet(0).nextAbsent(0)).toBeUndefined();
});
