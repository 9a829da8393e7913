// Chaos: `npm run chaos -- SCENARIO --seconds N --seed S --report DIR`, `judge DIR`, `--list`, in the same kind of sandbox
// as the tests. The report leaves it through a pipe, since nothing else does.

import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sandbox } from './sandbox.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const usage = `usage: npm run chaos -- SCENARIO [--seconds N] [--seed S] [--report DIR] [--etcd 3.4|3.6]
                     [--traffic A,B] [--faults A,B] [--shape A]
       npm run chaos -- mutants [--only NAME,NAME] [--seed S] [--report DIR]
       npm run chaos -- judge DIR: judges once more what a run has left in its report
       npm run chaos -- --list`;
/** What is handed on as it is. */
const passed = ['seconds', 'seed', 'etcd', 'only', 'traffic', 'faults', 'shape'] as const;

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
        traffic: { type: 'string' },
        faults: { type: 'string' },
        shape: { type: 'string' },
        list: { type: 'boolean' },
      },
    });
  } catch (thrown) {
    return fail(thrown instanceof Error ? thrown.message : String(thrown), 2);
  }
})();
const [scenario = '', place, ...more] = positionals;
const judges = scenario === 'judge';
const wrong =
  (scenario === '' && values.list !== true) ||
  (place !== undefined) !== judges ||
  more.length > 0 ||
  ![values.seconds, values.seed].every((text) => /^[1-9][0-9]{0,8}$/.test(text)) ||
  ![undefined, '3.4', '3.6'].includes(values.etcd);
if (wrong) fail(usage, 2);
if (values.etcd === '3.6' && (process.env['POP44_TOOLS'] ?? '') === '')
  fail(`etcd 3.6: ${process.env['POP44_NO_TOOLS'] ?? 'npm run tools builds it'}`, 1);

const report = judges ? (values.report ?? place) : values.report;
const program = [process.execPath, '--disable-warning=DEP0123', 'chaos/main.ts'] as const;
const inner = [
  ...program,
  ...(values.list === true ? ['--list'] : [scenario, ...(judges ? [resolve(place ?? '')] : [])]),
];
for (const name of passed) if (values[name] !== undefined) inner.push(`--${name}`, values[name]);

/** Nothing is raised by whoever only reads. */
function command(): { readonly argv: readonly [string, ...string[]]; readonly env: NodeJS.ProcessEnv } {
  if (judges || values.list === true) return { argv: [inner[0] ?? '', ...inner.slice(1)], env: process.env };
  const made = sandbox(tree, { writable: false });
  return 'problem' in made ? fail(made.problem, 1) : { argv: made.command(inner), env: made.env };
}
const { argv, env } = command();
const [file, ...rest] = argv;
const run = spawn(file, rest, { cwd: tree, env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => run.kill('SIGKILL'));

const directory = report === undefined ? undefined : resolve(report);
if (directory !== undefined) mkdirSync(directory, { recursive: true });
const handed = run.stdio[3] as Readable;
const begun = new Set<string>();
createInterface({ input: handed }).on('line', (line) => {
  const handedOver = JSON.parse(line) as { readonly file: string; readonly text?: string; readonly base64?: string };
  if (directory === undefined) return;
  const name = join(directory, basename(handedOver.file));
  const part = handedOver.text ?? Buffer.from(handedOver.base64 ?? '', 'base64');
  // The first part of a file takes the place of an older one.
  if (begun.has(name)) appendFileSync(name, part);
  else writeFileSync(name, part);
  begun.add(name);
});
run.on('close', (code) => process.exit(code ?? 1));
