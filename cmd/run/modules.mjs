// Modules: makes node_modules what package-lock.json says, under the Node that the project is made for.
//
// npm leaves out, without a word, optional packages (the native halves of tools) whose `engines` refuse the Node that
// runs it. So it always runs under Node 24 here, which comes from npm where the machine has an older one.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const wantedMajor = 24;
/** The same version as the dependency `node` in package.json. */
const nodeVersion = '24.21.0';

/** Everything below is about one work tree, `root`. */
export function modules(root) {
  const cache = join(root, '.cache');
  const folder = join(root, 'node_modules');
  const stampFile = join(folder, '.pop44-lock');
  const lockFile = join(root, 'package-lock.json');
  const lockHash = () => createHash('sha256').update(readFileSync(lockFile)).digest('hex');

  /** The Node of node_modules, once `install` has been there. */
  const node = join(folder, '.bin', 'node');

  /** Milliseconds when nothing is to be done. */
  function fresh() {
    if (!existsSync(node)) return false;
    const hash = lockHash();
    if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === hash) return true;
    if (!sameAsLock(join(folder, '.package-lock.json'), lockFile)) return false;
    try {
      writeFileSync(stampFile, hash);
    } catch {
      // Somebody else's tree: the comparison is made each time.
    }
    return true;
  }

  /**
   * Installs beside the old tree and swaps by renaming: an interrupted install leaves the old tree whole. One process
   * at a time (the caller holds a lock). Gives back what went wrong, or undefined.
   */
  function install(say) {
    if (fresh()) return undefined;
    const started = Date.now();
    const npm = npmCli();
    if (npm === undefined) return 'npm is not on PATH; it comes with Node from nodejs.org or `apt-get install npm`';
    const hash = lockHash();
    mkdirSync(cache, { recursive: true });
    const runner = node24(npm, say);
    if (runner.failed !== undefined) return runner.failed;
    say('node_modules: npm install, as package-lock.json says');
    const staging = emptied(join(cache, 'install'));
    for (const name of ['package.json', 'package-lock.json', '.npmrc']) {
      if (existsSync(join(root, name))) copyFileSync(join(root, name), join(staging, name));
    }
    // Not `npm ci`: it refuses a lock without the optional packages of other systems, and a registry that serves
    // only this system's makes such locks. The comparison below is as strict.
    const failed = runNpm(runner.node, npm, ['install', '--prefix', staging, '--no-save'], staging);
    if (failed !== undefined) return failed;
    if (!sameAsLock(join(staging, 'node_modules', '.package-lock.json'), lockFile)) {
      return 'npm could not install what package-lock.json says: do package.json and package-lock.json agree?';
    }
    if (!existsSync(join(staging, 'node_modules', '.bin', 'node'))) {
      return 'npm left no node_modules/.bin/node: is the install script of the package `node` allowed (allowScripts)?';
    }
    writeFileSync(join(staging, 'node_modules', '.pop44-lock'), hash);
    const old = join(cache, 'old-modules');
    rmSync(old, { recursive: true, force: true });
    if (existsSync(folder)) renameSync(folder, old);
    renameSync(join(staging, 'node_modules'), folder);
    rmSync(old, { recursive: true, force: true });
    rmSync(staging, { recursive: true, force: true });
    say(`node_modules: ready in ${((Date.now() - started) / 1000).toFixed(0)} s`);
    return undefined;
  }

  /** A Node that is new enough to install with: this one, that of the old tree, or one from npm. */
  function node24(npm, say) {
    if (Number.parseInt(process.versions.node, 10) >= wantedMajor) return { node: process.execPath };
    const kept = join(cache, `node-${nodeVersion}`);
    const binary = join(kept, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    for (const candidate of [binary, node]) if (works(candidate)) return { node: candidate };
    if (process.platform !== 'linux' || !['x64', 'arm64'].includes(process.arch)) {
      return { failed: `Node ${wantedMajor} or newer is needed (this is ${process.version})` };
    }
    say(`Node ${nodeVersion}: from npm, because this machine has ${process.version}`);
    const staging = emptied(`${kept}.new`);
    const what = `node-linux-${process.arch}@${nodeVersion}`;
    const args = ['install', '--prefix', staging, '--no-save', '--no-package-lock', '--ignore-scripts', what];
    const failed = runNpm(process.execPath, npm, args, staging);
    if (failed !== undefined) return { failed };
    rmSync(kept, { recursive: true, force: true });
    renameSync(staging, kept);
    return works(binary) ? { node: binary } : { failed: `${what} does not run on this machine` };
  }

  return { node, fresh, install };
}

const works = (binary) => {
  const run = spawnSync(binary, ['--version'], { encoding: 'utf8' });
  return run.status === 0 && Number.parseInt(run.stdout.slice(1), 10) >= wantedMajor;
};

/**
 * Whether npm's own record of an installed tree (node_modules/.package-lock.json) says the same as the lock: somebody
 * ran `npm ci` or `npm install` by hand.
 */
function sameAsLock(installedFile, lockFile) {
  if (!existsSync(installedFile)) return false;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  for (const path of Object.keys(installed)) {
    if (installed[path].version !== locked[path]?.version) return false;
  }
  return Object.entries(locked).every(([path, entry]) => path === '' || path in installed || !forThisMachine(entry));
}

const forThisMachine = ({ optional, os, cpu, libc }) =>
  optional !== true ||
  (os?.includes(process.platform) === true && cpu?.includes(process.arch) === true && libc?.includes('musl') !== true);

/** The npm that started us, or the one on PATH: its JavaScript, so that any Node can run it. */
function npmCli() {
  const places = [process.env.npm_execpath ?? ''];
  for (const folder of (process.env.PATH ?? '').split(':')) places.push(join(folder, 'npm'));
  for (const place of places) {
    if (place === '' || !existsSync(place)) continue;
    const real = realpathSync(place);
    if (real.endsWith('npm-cli.js')) return real;
    // Some packagers put a shell script at bin/npm.
    const beside = join(dirname(real), '..', 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js');
    if (existsSync(beside)) return beside;
  }
  return undefined;
}

function runNpm(node, npm, args, cwd) {
  const quiet = ['--no-audit', '--no-fund', '--no-progress', '--loglevel=error', '--no-update-notifier'];
  // What an outer `npm test` tells its scripts is about the outer project.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^npm_(package|lifecycle)_|^npm_config_(local|global)_prefix$|^NODE_OPTIONS$/.test(name),
    ),
  );
  // The install script of the package `node` calls npm, which calls node: both from here.
  env.PATH = `${dirname(node)}:${env.PATH ?? ''}`;
  const run = spawnSync(node, [npm, ...args, ...quiet], {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (run.status === 0) return undefined;
  const tail = `${run.stdout ?? ''}${run.stderr ?? ''}`.trim().split('\n').slice(-25).join('\n');
  return `npm ${args[0]} failed (${run.error?.message ?? run.signal ?? `exit ${run.status}`}):\n${tail}`;
}

function emptied(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}
