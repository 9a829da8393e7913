// Run: the doorstep of every npm script. Makes a fresh machine ready, then hands over to a TypeScript file.
//
// Plain JavaScript without dependencies, for any Node from 20 on: nothing is installed yet when it starts.
// Says nothing when there is nothing to do. Node 24 runs the .ts files as they are; programs that are started many times are
// bundled first (bundle.mjs).

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, packagePrograms } from './bundle.mjs';
import { modules } from './modules.mjs';
import { cure, found, install, missing, packagesOf, policyIsOurs } from './needs.mjs';
import { tools } from './tools.mjs';

const here = fileURLToPath(import.meta.url);
const root = join(dirname(here), '..', '..');

/**
 * needs: real programs take part, so Debian packages must be there. tools: built first where they can be; a verb with
 * needs and without tools takes them only if they are there. programs: it starts ours, as they are installed.
 */
const verbs = {
  start: { script: ['cmd/lab/main.ts'], needs: true, programs: true },
  test: { script: ['cmd/run/test.ts'], needs: true, tools: true, programs: true },
  check: { script: ['cmd/run/check.ts'], needs: false },
  fix: { script: ['cmd/run/check.ts', '--fix'], needs: false },
  gen: { script: ['cmd/run/check.ts', '--gen'], needs: false },
  bench: { script: ['cmd/run/bench.ts'], needs: true, programs: true },
  chaos: { script: ['cmd/run/chaos.ts'], needs: true, tools: true, programs: true },
  sweep: { script: ['cmd/run/test.ts', 'testkit/sweep'], needs: true, programs: true, env: { POP44_SWEEP: 'whole' } },
  'test:kernel': {
    script: ['cmd/run/kernel.ts'],
    needs: true,
    env: { POP44_PACKAGES: packagesOf('test:kernel').join(' ') },
  },
  fuzz: { script: ['cmd/run/test.ts', 'fuzz.'], needs: true, env: { POP44_FUZZ: 'long' } },
};

const say = (line) => process.stderr.write(`${line}\n`);
const fail = (problem) => {
  say(problem);
  process.exit(1);
};

/** npm's process: the scripts in package.json `exec` us, or its shell would keep npm's signals for itself. */
const parent = process.ppid;
const tree = modules(root);
const cached = tools(root);
const [verb, ...args] = process.argv.slice(2);

if (verb === 'install-modules') {
  const problem = tree.install(say);
  if (problem !== undefined) fail(problem);
} else if (verb === 'install-needs') {
  const problem = install(say, args[0]);
  if (problem !== undefined) fail(problem);
} else if (verb === 'build-tools') {
  const problem = cached.build(say);
  if (problem !== undefined) fail(problem);
} else if (verb === 'tools') {
  if (cached.find().directory === undefined) locked('build-tools', cached.lockFile);
} else if (verb === 'package') {
  if (!tree.fresh()) locked('install-modules', join(root, '.cache', 'modules.lock'));
  const made = await packagePrograms(root).catch((error) => fail(`package: ${error.message}`));
  process.stdout.write(`${made}\n`);
} else if (verb in verbs) {
  const { script, needs, tools: built, programs, env } = verbs[verb];
  const lacking = needs ? missing(verb) : [];
  // Told before anything is downloaded.
  if (lacking.length > 0 && (process.getuid() !== 0 || !found('apt-get'))) fail(cure(lacking));
  if (!tree.fresh()) locked('install-modules', join(root, '.cache', 'modules.lock'));
  const killed = needs && process.getuid() === 0 && policyIsOurs();
  if (lacking.length > 0 || killed) locked('install-needs', '/run/lock/pop44-needs.lock', verb);
  const bundled = programs === true ? { POP44_PROGRAMS: await bundledPrograms() } : {};
  handOver([...script, ...args], needs, { ...(needs ? toolsFor(built === true) : {}), ...bundled, ...env });
} else {
  fail(`usage: node cmd/run/run.mjs ${[...Object.keys(verbs), 'package', 'tools'].join('|')} [arguments]`);
}

/** What internal/testkit/programs.ts reads: where the programs are; nowhere: their sources are run. */
async function bundledPrograms() {
  try {
    return await bundle(root);
  } catch (error) {
    say(`programs: run as sources, which takes longer: ${error.message}`);
    return '';
  }
}

/** What internal/testkit/tools.ts reads: where the tools are, or why there are none. */
function toolsFor(built) {
  if (process.env.POP44_TOOLS === 'none') return { POP44_TOOLS: '', POP44_NO_TOOLS: 'POP44_TOOLS is none' };
  let { directory, problem, buildable } = cached.find();
  if (built && buildable) {
    try {
      underLock('build-tools', cached.lockFile);
    } catch (error) {
      // No place for a cache, as with some users' home. Everything else can be done.
      say(`tools: ${error.message}`);
    }
    ({ directory, problem } = cached.find());
  }
  return { POP44_TOOLS: directory ?? '', POP44_NO_TOOLS: problem ?? '' };
}

/** A step without which we cannot go on. */
function locked(step, lockFile, ...more) {
  const status = underLock(step, lockFile, ...more);
  if (status !== 0) process.exit(status ?? 1);
}

/** Runs ourselves under flock(1): the kernel lets go of such a lock when its holder dies, so it never gets stale. */
function underLock(step, lockFile, ...more) {
  mkdirSync(dirname(lockFile), { recursive: true });
  if (spawnSync('flock', ['--nonblock', lockFile, 'true']).status === 1) say('waiting for another installation');
  const run = spawnSync('flock', [lockFile, process.execPath, here, step, ...more], { stdio: 'inherit' });
  if (run.error !== undefined) fail(`flock (Debian package util-linux): ${run.error.message}`);
  return run.status;
}

function handOver(argv, endWithUs, more) {
  const [script, ...rest] = argv;
  const env = {
    ...process.env,
    ...more,
    PATH: [join(root, 'node_modules', '.bin'), process.env.PATH, '/usr/local/sbin:/usr/sbin:/sbin'].join(':'),
  };
  // Some tools colour what goes into files and pipes too.
  if (!process.stdout.isTTY && env.FORCE_COLOR === undefined) env.NO_COLOR = '1';
  const node = [tree.node, join(root, script), ...rest];
  // A lab or a test run must not outlive us, even when we are killed: it holds namespaces and processes.
  const command = endWithUs ? ['setpriv', '--pdeathsig', 'TERM', ...node] : node;
  const child = spawn(command[0], command.slice(1), { stdio: 'inherit', env });
  child.on('error', (error) => fail(`${command[0]}: ${error.message}`));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm hands signals on, but who is killed outright tells nobody: another parent says so.
  setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500).unref();
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}
