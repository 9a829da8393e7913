// A tree of a few lines in the place of ours: bundled, run, edited.

import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, expect, test } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join('/tmp', 'bundle-'));
let tree: string;
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, text: string): void {
  const file = join(tree, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

const says = (expression: string): string => `process.stdout.write(String(${expression}));\n`;

beforeEach(() => {
  tree = mkdtempSync(join(folder, 'tree+'));
  for (const path of ['package.json', 'package-lock.json', 'cmd/run/bundle.mjs']) write(path, '{"type":"module"}');
  for (const path of ['cmd/pop44d/main.ts', 'cmd/pop44-web/main.ts', 'cmd/lab/inside.ts']) write(path, says('1'));
  write('cmd/pop44/main.ts', `import { place } from '../../internal/place.ts';\n${says('place()')}`);
  write('internal/place.ts', 'export const place = (): string => import.meta.url;\n');
  write('web/web.ts', '');
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
});

/** In a process, as it is plain JavaScript. */
async function ask(call: 'bundle' | 'packagePrograms'): Promise<string> {
  const script = `import { ${call} } from ${JSON.stringify(join(import.meta.dirname, 'bundle.mjs'))};
    process.stdout.write(await ${call}(${JSON.stringify(tree)}));`;
  return (await run(process.execPath, ['--input-type=module', '-e', script])).stdout;
}

const ran = async (directory: string): Promise<string> =>
  (await run(process.execPath, [join(directory, 'pop44.mjs')])).stdout;

test('what was edited is never run as it was before', async () => {
  const first = await ask('bundle');
  expect(await ask('bundle')).toBe(first);
  write('cmd/pop44/main.ts', says('2'));
  const second = await ask('bundle');
  expect(second).not.toBe(first);
  expect(await ran(second)).toBe('2');
  // A lab may still run with it.
  expect(await ran(first)).toContain('place.ts');
  expect(readdirSync(join(tree, '.cache/programs'))).toHaveLength(2);
});

test('what nobody has used for days goes when another is made', async () => {
  const first = await ask('bundle');
  utimesSync(first, 0, 0);
  write('cmd/pop44/main.ts', says('2'));
  const second = await ask('bundle');
  utimesSync(second, 0, 0);
  expect(await ask('bundle')).toBe(second);
  write('cmd/pop44/main.ts', says('3'));
  const third = await ask('bundle');
  expect(
    readdirSync(join(tree, '.cache/programs'))
      .map((name) => join(tree, '.cache/programs', name))
      .sort(),
  ).toEqual([second, third].sort());
});

test('a source finds what lies beside it, and a stack names its line', async () => {
  write(
    'internal/place.ts',
    'interface Typed {\n  a: 1;\n}\nexport const place = (): Typed => { throw new Error(import.meta.url) };\n',
  );
  const failed = await ran(await ask('packagePrograms')).catch((error: Error) => error.message);
  expect(failed).toContain(`file://${tree}/internal/place.ts`);
  expect(failed).toContain(`${tree}/internal/place.ts:4:`);
});

test('a package that wants its own place is not bundled unseen', async () => {
  rmSync(join(tree, 'node_modules'));
  mkdirSync(join(tree, 'node_modules'));
  for (const name of ['esbuild', '@esbuild'])
    symlinkSync(join(root, 'node_modules', name), join(tree, 'node_modules', name));
  write('node_modules/lost/package.json', '{"main":"lost.js"}');
  write('node_modules/lost/lost.js', 'exports.place = __dirname;\n');
  write('cmd/pop44/main.ts', `import { place } from 'lost';\n${says('place')}`);
  await expect(ask('bundle')).rejects.toThrow(/is not in `placed`.*__dirname/);
  expect(existsSync(join(tree, '.cache'))).toBe(false);
});
