import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { replaceFile } from './files.ts';

const directory = mkdtempSync(join(tmpdir(), 'pop44-files-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = join(directory, 'kept');
const modeOf = (path: string): number => statSync(path).mode & 0o777;

test('the new text is there with its own mode, and nothing beside it, whatever an earlier try left', async () => {
  writeFileSync(file, 'old', { mode: 0o644 });
  writeFileSync(`${file}.new`, 'half of', { mode: 0o666 });
  await replaceFile(file, 'new', 0o600);
  expect(readFileSync(file, 'utf8')).toBe('new');
  expect(modeOf(file)).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['kept']);
});

test('where there is no folder the fault says so, and the old text stays', async () => {
  await expect(replaceFile(join(directory, 'none', 'kept'), 'new', 0o600)).rejects.toThrow('ENOENT');
  expect(readFileSync(file, 'utf8')).toBe('new');
});
