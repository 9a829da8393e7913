// Test: `npm test`, every kind of test in one sandbox, and a last line that scripts and CI read:
// `N passed, N failed, N skipped`.
//
// Arguments go to vitest: `npm test -- store` runs the files with `store` in their path.
// Never hangs: each test has a timeout, and the whole run one below ten minutes.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sandbox } from './sandbox.ts';
import { Counts } from './counts.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const inCi = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
/** Whoever waits for us gives up at ten minutes. */
const longestMs = 570_000;

function finish(counts: Counts): never {
  const problems = counts.problems();
  if (problems.length > 0) process.stdout.write(`\n${problems.join('\n')}\n`);
  process.stdout.write(`\n${counts.lastLine()}\n`);
  process.exit(counts.ok() ? 0 : 1);
}

const args = process.argv.slice(2);
const updates = args.some((arg) => arg === '-u' || arg.startsWith('--update'));
const counts = new Counts({ inCi, filtered: args.some((arg) => /^(-t|--testNamePattern)/.test(arg)) });

const made = sandbox(tree, { writable: updates });
if ('problem' in made) {
  counts.broke(made.problem);
  finish(counts);
}

const reporters = args.some((arg) => arg.startsWith('--reporter')) ? [] : ['--reporter=default'];
const [file, ...rest] = made.command([
  process.execPath,
  'node_modules/vitest/vitest.mjs',
  'run',
  '--config=cmd/run/vitest.config.ts',
  '--configLoader=native',
  '--passWithNoTests',
  ...reporters,
  '--reporter=./cmd/run/tally.ts',
  ...args,
]);
const run = spawn(file, rest, { cwd: tree, env: made.env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
run.on('error', (error) => {
  counts.broke(`${file}: ${error.message}`);
  finish(counts);
});

let stopped = false;
// unshare waits for its child and shrugs off gentler signals.
const timer = setTimeout(() => {
  counts.broke(`stopped after ${longestMs / 1000} s; still running: ${counts.unfinished().join(', ')}`);
  stopped = true;
  run.kill('SIGKILL');
}, longestMs);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (run.kill('SIGKILL') && !stopped) counts.broke(`stopped by ${signal}`);
    stopped = true;
  });
}

let partial = '';
run.stdio[3]?.on('data', (chunk: Buffer) => {
  const lines = (partial + chunk.toString('utf8')).split('\n');
  partial = lines.pop() ?? '';
  for (const line of lines) counts.take(line);
});
run.on('close', (code, signal) => {
  clearTimeout(timer);
  if (!stopped) counts.exited(code, signal);
  finish(counts);
});
