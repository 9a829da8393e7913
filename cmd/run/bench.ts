// Bench: `npm run bench -- NAME [--quick] [--runs N] [--only PART] [--tunnels N] [--json FILE]`, in the same kind of sandbox as the tests. The
// figures leave it through a pipe, since nothing else does.

import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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
// The daemons keep their compiled code beside the tree; as on any node, only the very first start is without it.
const programs = process.env['POP44_PROGRAMS'] ?? '';
const daemon = programs === '' ? 'cmd/pop44d/main.ts' : join(programs, 'pop44d.mjs');
for (const half of ['run', 'dataplane'])
  spawnSync(process.execPath, [daemon, half, '--config', '/dev/null'], { cwd: tree });
// BIRD's BFD is urgent as on a node (driver/bird/urgent.ts): five nodes share these processors.
const made = sandbox(tree, { writable: true, urgent: true });
if ('problem' in made) fail(made.problem, 1);

const inner = [
  process.execPath,
  'bench/main.ts',
  ...positionals,
  ...(values.quick === true ? ['--quick'] : []),
  ...(values.runs === undefined ? [] : ['--runs', values.runs]),
  ...(values.only === undefined ? [] : ['--only', values.only]),
  ...(values.tunnels === undefined ? [] : ['--tunnels', values.tunnels]),
];
const [file, ...rest] = made.command(inner);
const run = spawn(file, rest, { cwd: tree, env: made.env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => run.kill('SIGKILL'));
let json = '';
run.stdio[3]?.on('data', (chunk: Buffer) => {
  json += chunk.toString('utf8');
});
run.on('close', (code) => {
  if (values.json !== undefined && json !== '') writeFileSync(values.json, json);
  process.exit(code ?? 1);
});
