// Bench: `npm run bench -- NAME [--quick] [--runs N] [--only PART] [--tunnels N] [--json FILE]`, in the same kind of sandbox as the tests. The
// figures leave it through a pipe, since nothing else does, and stand in bench/out afterwards unless a file is named.
// `npm run bench -- report [NAME ...] [--quick] [--runs N]` measures these and writes docs/figures.md of all that stands there.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sandbox } from './sandbox.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

function fail(message: string, code: number): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(code);
}

const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        runs: { type: 'string' },
        only: { type: 'string' },
        tunnels: { type: 'string' },
        json: { type: 'string' },
      },
    });
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown), 2);
  }
})();
const [name = '', ...names] = positionals;
const out = join(tree, 'bench', 'out');

/** Gives its exit code. */
async function measure(which: readonly string[], file: string): Promise<number> {
  // The daemons keep their compiled code beside the tree; as on any node, only the very first start is without it.
  for (const half of ['run', 'dataplane'])
    spawnSync(process.execPath, ['cmd/pop44d/main.ts', half, '--config', '/dev/null'], { cwd: tree });
  // BIRD's BFD is urgent as on a node (driver/bird/urgent.ts): five nodes share these processors.
  const made = sandbox(tree, { writable: true, urgent: true });
  if ('problem' in made) fail(made.problem, 1);
  const inner = [
    process.execPath,
    'bench/main.ts',
    ...which,
    ...(values.quick === true ? ['--quick'] : []),
    ...(values.runs === undefined ? [] : ['--runs', values.runs]),
    ...(values.only === undefined ? [] : ['--only', values.only]),
    ...(values.tunnels === undefined ? [] : ['--tunnels', values.tunnels]),
  ];
  const [program, ...rest] = made.command(inner);
  const run = spawn(program, rest, { cwd: tree, env: made.env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  const end = (): unknown => run.kill('SIGKILL');
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.once(signal, end);
  let json = '';
  run.stdio[3]?.on('data', (chunk: Buffer) => {
    json += chunk.toString('utf8');
  });
  const code = await new Promise<number>((resolve) => run.on('close', (ended) => resolve(ended ?? 1)));
  for (const signal of signals) process.off(signal, end);
  // It did not get to its figures.
  if (json === '') return Math.max(code, 2);
  mkdirSync(out, { recursive: true });
  writeFileSync(file, json);
  return code;
}

if (name !== 'report') {
  const part = values.only === undefined ? '' : `-${values.only}`;
  process.exit(await measure(positionals, values.json ?? join(out, `${name}${part}.json`)));
}
// 1: a goal does not hold, which stands in the page.
for (const each of names)
  if ((await measure([each], join(out, `${each}.json`))) > 1) fail(`${each} was not measured`, 1);
const written = spawnSync(process.execPath, ['bench/write-figures.ts', out, 'docs'], { cwd: tree, stdio: 'inherit' });
process.exit(written.status ?? 1);
