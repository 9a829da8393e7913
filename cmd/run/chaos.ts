// Chaos: `npm run chaos -- SCENARIO --seconds N --seed S --report DIR [--etcd 3.4|3.6]`, `--list`, in the same kind of
// sandbox as the tests. The report leaves it through a pipe, since nothing else does.

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sandbox } from './sandbox.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const scenarios: Readonly<Record<string, string>> = {
  allocate: 'allocations through all daemons, while daemons, etcd and the paths between them fail',
  mutants: 'the same, briefly, once for each fault that is put into our own code: each must be found',
};
const usage = `usage: npm run chaos -- ${Object.keys(scenarios).join('|')} [--seconds N] [--seed S] [--report DIR] [--etcd 3.4|3.6]
       npm run chaos -- mutants [--only NAME,NAME] [--seed S] [--report DIR]
       npm run chaos -- --list`;

function fail(message: string, code: number): never {
  process.stderr.write(`chaos: ${message}\n`);
  process.exit(code);
}

const { values, positionals } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        seconds: { type: 'string', default: '60' },
        seed: { type: 'string', default: '1' },
        report: { type: 'string' },
        etcd: { type: 'string' },
        only: { type: 'string' },
        list: { type: 'boolean' },
      },
    });
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown), 2);
  }
})();
if (values.list === true) {
  for (const [name, what] of Object.entries(scenarios)) process.stdout.write(`${name.padEnd(10)} ${what}\n`);
  process.exit(0);
}
const [scenario, ...more] = positionals;
const wrong =
  scenario === undefined ||
  scenarios[scenario] === undefined ||
  more.length > 0 ||
  ![values.seconds, values.seed].every((text) => /^[1-9][0-9]{0,8}$/.test(text)) ||
  ![undefined, '3.4', '3.6'].includes(values.etcd);
if (wrong) fail(usage, 2);
if (values.etcd === '3.6' && (process.env['POP44_TOOLS'] ?? '') === '')
  fail(`etcd 3.6: ${process.env['POP44_NO_TOOLS'] ?? 'npm run tools builds it'}`, 1);
const made = sandbox(tree, { writable: false });
if ('problem' in made) fail(made.problem, 1);

const inner = [process.execPath, '--disable-warning=DEP0123', 'chaos/main.ts', scenario ?? ''];
for (const name of ['seconds', 'seed', 'etcd', 'only'] as const)
  if (values[name] !== undefined) inner.push(`--${name}`, values[name]);
const [file, ...rest] = made.command(inner);
const run = spawn(file, rest, { cwd: tree, env: made.env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => run.kill('SIGKILL'));

const directory = values.report === undefined ? undefined : resolve(values.report);
if (directory !== undefined) mkdirSync(directory, { recursive: true });
const handed = run.stdio[3] as Readable;
createInterface({ input: handed }).on('line', (line) => {
  const { file: name, text } = JSON.parse(line) as { readonly file: string; readonly text: string };
  if (directory !== undefined) writeFileSync(join(directory, basename(name)), text);
});
run.on('close', (code) => process.exit(code ?? 1));
