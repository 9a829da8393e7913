// Check: `npm run check`, what can be known without privileges or services in less than a minute (the slow unit tests are
// left to `npm test`); `npm run fix` is its twin.
//
// One line a step; what a step says is shown only when it fails. The steps stand in the table below.
// Never: writes to the work tree (.cache apart), unless asked to (`--fix`, `--gen`).

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const generated = 'internal/gen';

// Tests of what is synced to disk show nothing more on a slow one: 1.3 s in memory, 4 to 8 s on a disk others use.
if (existsSync('/dev/shm')) process.env['TMPDIR'] ??= '/dev/shm';

interface Outcome {
  readonly ok: boolean;
  readonly said: string;
  /** Worth a look although nothing failed. */
  readonly warns?: boolean;
}

/** Runs a program of node_modules/.bin (first on PATH) in the work tree. */
function tool(command: string, ...args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: tree, stdio: ['ignore', 'pipe', 'pipe'] });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    child.stderr.on('data', (part: Buffer) => parts.push(part));
    child.on('error', (error) => resolve({ ok: false, said: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ ok: code === 0, said: Buffer.concat(parts).toString('utf8') }));
  });
}

/** Text of every file below a folder. */
async function textsOf(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  return new Map(paths.map((path, at) => [path.slice(folder.length + 1), texts[at] ?? '']));
}

async function generatedUnchanged(): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'pop44-gen-'));
  try {
    const made = await tool('buf', 'generate', '--output', folder);
    if (!made.ok) return made;
    const [fresh, committed] = await Promise.all([textsOf(join(folder, generated)), textsOf(join(tree, generated))]);
    const names = [...new Set([...fresh.keys(), ...committed.keys()])].sort();
    const stale = names.filter((name) => fresh.get(name) !== committed.get(name));
    const cure = 'differs from what proto/ generates: npm run gen';
    return { ok: stale.length === 0, said: stale.map((name) => `${generated}/${name}: ${cure}\n`).join('') };
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function lint(): Promise<Outcome> {
  const { ok, said } = await tool('oxlint');
  return { ok, said, warns: !said.includes('Found 0 warnings') };
}

const vitest = ['run', '--config=cmd/run/vitest.config.ts', '--configLoader=native', '--project=unit'];

/** Longest first: there are few cores. */
const checks: readonly (readonly [name: string, run: () => Promise<Outcome>])[] = [
  ['unit tests, import table', () => tool('vitest', ...vitest, '--reporter=minimal')],
  ['lint', lint],
  ['unused', () => tool('knip', '--no-progress', '--no-config-hints')],
  ['types', () => tool('tsc', '--incremental', '--tsBuildInfoFile', '.cache/types.json')],
  // What runs in browsers knows their globals, and none of Node's.
  [
    'types of pages',
    () => tool('tsc', '-p', 'web/browser', '--incremental', '--tsBuildInfoFile', '.cache/types-web.json'),
  ],
  ['generated code', generatedUnchanged],
  ['format', () => tool('biome', 'format')],
  ['schema', () => tool('buf', 'lint')],
  ['schema format', () => tool('buf', 'format', '--diff', '--exit-code')],
];

const fixes: typeof checks = [
  ['schema format', () => tool('buf', 'format', '--write')],
  ['generated code', () => tool('buf', 'generate')],
  ['lint', () => tool('oxlint', '--fix', '--quiet')],
  ['format', () => tool('biome', 'format', '--write')],
];

async function through([name, run]: (typeof checks)[number]): Promise<boolean> {
  const started = performance.now();
  const { ok, said, warns } = await run();
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5);
  process.stdout.write(
    `${ok ? 'ok    ' : 'FAILED'} ${seconds} s  ${name}\n${ok && warns !== true ? '' : `${said.trim()}\n`}`,
  );
  return ok;
}

/** Runs steps, so many at a time; whether all went well. */
async function all(steps: typeof checks, atOnce: number): Promise<boolean> {
  const waiting = [...steps];
  const failed: string[] = [];
  const worker = async (): Promise<void> => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      if (!(await through(step))) failed.push(step[0]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failed.length === 0;
}

const mode = process.argv[2];
if (mode === '--gen') process.exitCode = (await through(['generated code', () => tool('buf', 'generate')])) ? 0 : 1;
// What one mends the next formats: one after another.
else if (mode === '--fix') process.exitCode = (await all(fixes, 1)) ? 0 : 1;
// Before a whole `npm test`, which has these too.
else if (mode === '--no-tests') {
  const rest = checks.filter(([name]) => !name.startsWith('unit tests'));
  process.exitCode = (await all(rest, Math.max(2, availableParallelism()))) ? 0 : 1;
} else process.exitCode = (await all(checks, Math.max(2, availableParallelism()))) ? 0 : 1;
