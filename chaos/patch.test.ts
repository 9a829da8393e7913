import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mutants } from './mutants.ts';
import { misplaced, patched, points, sightings } from './patch.ts';

const root = join(import.meta.dirname, '..');
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

test('every point and sighting finds its one place, all of them together', () => {
  expect(misplaced([...Object.values(points), ...Object.values(sightings)], textOf)).toEqual([]);
});

test('a text that is not there, or there twice, is no place for a patch', () => {
  const patch = { file: 'x.ts', find: 'a', replace: 'b' };
  expect(patched('xay', patch)).toBe('xby');
  expect(() => patched('xyz', patch)).toThrow('0 times');
  expect(() => patched('aa', patch)).toThrow('2 times');
  expect(misplaced([patch, patch], () => 'xay')).toEqual(['0 times in x.ts: a']);
});

test.each(Object.entries(mutants))('the mutant %s finds its one place beside the points', (_, mutant) => {
  expect(misplaced([...Object.values(points), ...Object.values(sightings), mutant], textOf)).toEqual([]);
});
