import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { patched, type Patch, points, sightings } from './patch.ts';

const root = join(import.meta.dirname, '..');
const all: readonly (readonly [string, Patch])[] = [...Object.entries(points), ...Object.entries(sightings)];

test.each(all)('%s finds its one place', (_, patch) => {
  const text = readFileSync(join(root, patch.file), 'utf8');
  expect(patched(text, patch)).not.toBe(text);
});

test('patches of one file do not meet', () => {
  const texts = new Map(all.map(([, { file }]) => [file, readFileSync(join(root, file), 'utf8')]));
  for (const [, patch] of all) texts.set(patch.file, patched(texts.get(patch.file) ?? '', patch));
  expect([...texts.values()].join('').match(/pop44(Point|Sighting)/g)).toHaveLength(all.length);
});

test('a text that is not there, or there twice, is no place for a patch', () => {
  const patch = { file: 'x.ts', find: 'a', replace: 'b' };
  expect(() => patched('xyz', patch)).toThrow('0 times');
  expect(() => patched('aa', patch)).toThrow('2 times');
});
