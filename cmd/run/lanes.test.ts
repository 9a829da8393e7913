import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, array, nat, property } from 'fast-check';
import { expect, test } from 'vitest';
import { lanesOf, weighedFiles } from './lanes.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url));

test('every file is in one lane', () => {
  assert(
    property(array(nat(60)), array(nat(300), { minLength: 1, maxLength: 6 }), (numbers, busy) => {
      const files = [...new Set(numbers)].map((number) => weighedFiles[number] ?? `internal/x/${number}.netns.test.ts`);
      const lanes = lanesOf(files, busy);
      expect(lanes.flat().sort()).toEqual([...files].sort());
      expect(lanes).toHaveLength(busy.length);
    }),
  );
});

test('files without a weight are spread evenly over lanes that are as busy', () => {
  const files = Array.from({ length: 9 }, (_, number) => `internal/x/${number}.netns.test.ts`);
  expect(lanesOf(files, [0, 1_000, 0, 0]).map((lane) => lane.length)).toEqual([3, 0, 3, 3]);
});

test('a weight is of a file that is there', () => {
  const there = globSync('{cmd,internal,bench,chaos,web}/**/*.netns.test.ts', { cwd: tree });
  expect(weighedFiles.filter((file) => !there.includes(file))).toEqual([]);
});
