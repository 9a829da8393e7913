// Test: `npm test`, every kind of test in sandboxes, and a last line that scripts and CI read:
// `N passed, N failed, N skipped`.
//
// What needs an etcd waits most of its time, and so does what needs namespaces: they run at once, each in a sandbox of
// its own, after what needs the processor.
//
// Arguments go to vitest: `npm test -- store` runs the files with `store` in their path.
// Never hangs: each test has a timeout, and the whole run one below ten minutes.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { sandbox } from './sandbox.ts';
import { Counts, type Part } from './counts.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const inCi = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
/** Whoever waits for us gives up at ten minutes. */
const longestMs = 570_000;
/** Files: when more fail it was not chance. */
const mostSecondTries = 3;

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
const running = new Set<ChildProcess>();
let stopped = false;
const stopAll = (): void => {
  stopped = true;
  // unshare waits for its child and shrugs off gentler signals.
  for (const child of running) child.kill('SIGKILL');
};

type Command = (inner: readonly string[]) => readonly string[];

/** One vitest with these projects; resolves when it has ended. */
function vitest(projects: readonly string[], files: readonly string[], part: Part, command: Command): Promise<void> {
  const [file = '', ...rest] = command([
    process.execPath,
    'node_modules/vitest/vitest.mjs',
    'run',
    '--config=cmd/run/vitest.config.ts',
    '--configLoader=native',
    '--passWithNoTests',
    ...projects.map((project) => `--project=${project}`),
    ...reporters,
    '--reporter=./cmd/run/tally.ts',
    ...args,
    ...files,
  ]);
  return new Promise((resolve) => {
    const child = spawn(file, rest, { cwd: tree, env: sandboxed.env, stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
    running.add(child);
    child.on('error', (error) => {
      counts.broke(`${file}: ${error.message}`);
      running.delete(child);
      resolve();
    });
    listen(child, part);
    child.on('close', (code, signal) => {
      running.delete(child);
      if (!stopped) part.exited(code, signal);
      resolve();
    });
  });
}

/**
 * In CI, where nobody is there to look whether the machine was away for a second, files that failed are tried once more
 * in a sandbox of their own; the last lines say so.
 */
async function withSecondTry(projects: readonly string[], command: Command): Promise<void> {
  const part = counts.begin();
  await vitest(projects, [], part, command);
  const files = part.failedFiles();
  if (!inCi || stopped || files.length === 0 || files.length > mostSecondTries) return;
  await vitest(projects, files, part.again(files), command);
}

function listen(child: ChildProcess, part: Part): void {
  let partial = '';
  child.stdio[3]?.on('data', (chunk: Buffer) => {
    const lines = (partial + chunk.toString('utf8')).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) part.take(line);
  });
}

const timer = setTimeout(() => {
  counts.broke(`stopped after ${longestMs / 1000} s; still running: ${counts.unfinished().join(', ')}`);
  stopAll();
}, longestMs);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stopped) counts.broke(`stopped by ${signal}`);
    stopAll();
  });
}

const sandboxed = made;
// Who names files has few of them.
for (const together of args.length > 0
  ? [[[]]]
  : [[['unit']], [['etcd*'], ['netns'], ['netns labs'], ['netns more labs']]]) {
  if (stopped) break;
  await Promise.all(together.map((projects) => withSecondTry(projects, sandboxed.command)));
}
clearTimeout(timer);
if (!stopped) counts.ended();
finish(counts);
