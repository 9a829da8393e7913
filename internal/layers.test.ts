import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { edgesOf, faceOf, packageOf, table, violations } from './layers.ts';

const root = join(import.meta.dirname, '..');
const roots = ['bench', 'chaos', 'cmd', 'internal', 'web'];

function sources(): ReadonlyMap<string, string> {
  const paths = roots.flatMap((top) =>
    readdirSync(join(root, top), { recursive: true, encoding: 'utf8' }).map((path) => `${top}/${path}`),
  );
  const wanted = paths.filter((path) => /\.(ts|mjs)$/.test(path) && !path.includes('/testdata/'));
  return new Map(wanted.map((path) => [path, readFileSync(join(root, path), 'utf8')]));
}

const files = sources();

test('the sources keep the rules of the house', () => {
  expect(violations(files)).toEqual([]);
});

test('no source was overlooked, and no import in them', () => {
  const there = globSync(`{${roots.join(',')}}/**/*.{ts,mjs}`, { cwd: root, exclude: ['**/testdata/**'] });
  expect([...files.keys()].sort()).toEqual([...there].sort());
  expect(files.size).toBeGreaterThan(100);
  const missed = [...files].filter(([path, text]) => {
    const written = text.match(/^(import\b.*|export \{.*|\} )\bfrom '/gm) ?? [];
    return path.endsWith('.ts') && edgesOf(path, text).length < written.length;
  });
  expect(missed.map(([path]) => path)).toEqual([]);
});

// A checker that cannot fail is worth nothing: each rule is broken once, in an otherwise faultless tree.
const comment = '// What it is.\n// On the path.\n// Never.\n';
const faultless = new Map([...table.keys()].map((name) => [faceOf(name), comment]));
faultless.set('internal/plan/step.ts', '').set('internal/plan/order.ts', '').set('internal/gen/x_pb.ts', '');

test('the faultless tree has no violation', () => {
  expect(violations(faultless)).toEqual([]);
});

const broken: readonly (readonly [name: string, path: string, text: string, says: RegExp])[] = [
  [
    'an arrow upward',
    'internal/model/a.ts',
    "import { x } from '#internal/store/store.ts';",
    /upward: floor 2 .*floor 3/,
  ],
  ['an arrow upward for a type', 'internal/model/a.ts', "import type { X } from '#internal/plan/step.ts';", /upward/],
  ['an arrow upward, exported', 'internal/model/a.ts', "export { x } from '#internal/plan/step.ts';", /upward/],
  ['an arrow upward, over lines', 'internal/model/a.ts', "import {\n  x,\n} from '#internal/plan/step.ts';", /upward/],
  ['an arrow upward, at run time', 'internal/model/a.ts', "await import('#internal/plan/step.ts');", /upward/],
  ['an arrow upward in a test', 'internal/model/a.test.ts', "import { x } from '#internal/plan/plan.ts';", /upward/],
  ['past a face', 'internal/applier/a.ts', "import { x } from '#internal/plan/order.ts';", /past the face/],
  ['relative across packages', 'internal/applier/a.ts', "import { x } from '../plan/plan.ts';", /write #internal/],
  ['absolute inside a package', 'internal/plan/a.ts', "import { x } from '#internal/plan/step.ts';", /are relative/],
  [
    'a driver that knows another',
    'internal/driver/wg/a.ts',
    "import { x } from '#internal/driver/ip/ip.ts';",
    /each other/,
  ],
  ['a node: module in a pure package', 'internal/plan/a.ts', "import { join } from 'node:path';", /is pure/],
  ['the clock in a pure package', 'internal/plan/a.ts', 'export const now = new Date();', /reads the clock/],
  [
    'the testkit outside tests',
    'internal/store/a.ts',
    "import { x } from '#internal/testkit/testkit.ts';",
    /only tests/,
  ],
  ['the testkit in the daemon', 'cmd/pop44d/a.ts', "import { x } from '#internal/testkit/testkit.ts';", /only tests/],
  ['a file that is not there', 'internal/store/a.ts', "import { x } from './gone.ts';", /no such file/],
  ['a package without a row', 'internal/manager/manager.ts', comment, /no row/],
  ['a face without its comment', 'internal/store/store.ts', 'export const x = 1;', /begins with a comment/],
  ['a test that nothing would run', 'internal/store/a.docker.test.ts', '', /kebab-case/],
  ['an index', 'internal/store/index.ts', '', /folder's name/],
  ['a name in camel case', 'internal/store/keyCodec.ts', '', /kebab-case/],
  ['a file of 401 lines', 'internal/store/a.ts', '\n'.repeat(401), /401 lines/],
];

for (const [name, path, text, says] of broken) {
  test(`refused: ${name}`, () => {
    const found = violations(new Map([...faultless, [path, text]]));
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(says);
  });
}

test('refused: a loop of packages on one floor', () => {
  const tree = new Map(faultless)
    .set('internal/rpc/a.ts', "import { x } from '#internal/identity/identity.ts';")
    .set('internal/identity/a.ts', "import { x } from '#internal/rpc/rpc.ts';");
  const loop = 'a loop of packages: internal/identity -> internal/rpc -> internal/identity';
  expect(violations(tree)).toEqual([loop]);
});

test('refused: a row whose package is gone', () => {
  const tree = new Map(faultless);
  tree.delete('internal/store/store.ts');
  expect(violations(tree)).toEqual(['internal/store: a row without a package']);
});

test('a file belongs to the deepest package that holds it', () => {
  expect(packageOf('internal/driver/wg/parse.ts')).toBe('internal/driver/wg');
  expect(packageOf('internal/driver/batch.ts')).toBe('internal/driver');
  expect(packageOf('bench/micro/a.ts')).toBe('bench');
});
