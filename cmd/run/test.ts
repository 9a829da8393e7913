// Test: `npm test`, every kind of test in sandboxes, and a last line that scripts and CI read:
// `N passed, N failed, N skipped`.
//
// What needs an etcd waits most of its time, and so does what needs namespaces: they run at once, in sandboxes of
// their own, after what needs the processor.
//
// Arguments go to vitest: `npm test -- store` runs the files with `store` in their path.
// Never hangs: each test has a timeout, and the whole run one below ten minutes.

import { type ChildProcess, spawn } from 'node:child_process';
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { sandbox } from './sandbox.ts';
import { Counts, type Part } from './counts.ts';
import { lanesOf } from './lanes.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const inCi = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
/** Whoever waits for us gives up at ten minutes. */
const longestMs = 570_000;
/** Files: when more fail it was not chance. */
const mostSecondTries = 3;
/**
 * Sandboxes at once, by the seconds that each has to do before it takes its part of what needs namespaces: the first one
 * has what needs an etcd or a browser.
 */
const lanes = [200, 0, 0];

function finish(counts: Counts): never {
  const problems = counts.problems();
  if (problems.length > 0) process.stdout.write(`\n${problems.join('\n')}\n`);
  process.stdout.write(`\n${counts.lastLine()}\n`);
  process.exit(counts.ok() ? 0 : 1);
}

const args = process.argv.slice(2);
const updates = args.some((arg) => arg === '-u' || arg.startsWith('--update'));
/** They judge how fast something goes, which says nothing while labs are raised beside it, or leave nothing to others. */
const alone = ['chaos/mixed.netns.test.ts', 'internal/testkit/lab/takeover.netns.test.ts'];
// Who names files wants them whole; tests that take long are left out of a run of all (testkit/long-form.ts).
if (args.length === 0) process.env['POP44_ALL'] = 'yes';
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

/** What one sandbox runs: the files of these projects; without a name, all of them. */
interface Lane {
  readonly projects: readonly string[];
  readonly files: readonly string[];
}

/**
 * In CI, where nobody is there to look whether the machine was away for a second, files that failed are tried once more
 * in a sandbox of their own; the last lines say so.
 */
async function withSecondTry({ projects, files }: Lane, command: Command): Promise<void> {
  const part = counts.begin();
  await vitest(projects, files, part, command);
  const failed = part.failedFiles();
  if (!inCi || stopped || failed.length === 0 || failed.length > mostSecondTries) return;
  await vitest(projects, failed, part.again(failed), command);
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

/** Each in a lab of its own: all of them are more than ten minutes have room for. Said below. */
const labs = [
  ...['anycast', 'anycast-pair', 'canary', 'check', 'core-pair', 'drain', 'explain', 'firewall', 'lan-pair', 'ospf'],
  ...['preshared', 'reach', 'replace', 'resilience', 'rotation', 'shaping'],
];
const byName = [
  ...labs.map((name) => `internal/testkit/lab/${name}.netns.test.ts`),
  ...['chaos/fault-etcd.netns.test.ts', 'chaos/allocate.netns.test.ts'],
  ...['internal/desired/inner.netns.test.ts', 'internal/desired/origin.netns.test.ts', 'web/journey.netns.test.ts'],
];

const sandboxed = made;
const netnsFiles = globSync('{cmd,internal,bench,chaos,web}/**/*.netns.test.ts', { cwd: tree }).filter(
  (file) => !alone.includes(file) && !byName.includes(file),
);
const lane = (projects: readonly string[], files: readonly string[] = []): Lane => ({ projects, files });
// Who names files has few of them.
const steps =
  args.length > 0
    ? [[lane([])]]
    : [
        [lane(['unit', 'slow'])],
        [lane(['netns'], alone)],
        lanesOf(netnsFiles, lanes).flatMap((files, at) => {
          if (at === 0) return lane(['etcd*', 'browser', 'netns'], ['.etcd.test.ts', '.browser.test.ts', ...files]);
          return files.length === 0 ? [] : lane(['netns'], files);
        }),
      ];
for (const together of steps) {
  if (stopped) break;
  await Promise.all(together.map((each) => withSecondTry(each, sandboxed.command)));
}
clearTimeout(timer);
if (args.length === 0)
  process.stdout.write(`\nNot in a run of all, which they are too long for: npm test -- ${byName.join(' ')}\n`);
if (!stopped) counts.ended();
finish(counts);
