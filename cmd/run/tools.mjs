// Tools: programs that Debian has too old or not at all, built from Go modules into a cache outside the work tree.
//
// go.sum in ./tools pins every source; SHA256SUMS beside the binaries tells whether they are still those that were
// built. Without Go everything else works: whoever wants a tool asks `find` and says what it does without.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { located } from './needs.mjs';

/** The file that is made, and the main package that it is made from. */
const programs = {
  // Faults on TCP connections, for chaos.
  'toxiproxy-server': 'github.com/Shopify/toxiproxy/v2/cmd/server',
  // The version of etcd that production is for; Debian's are 3.4 and 3.5.
  etcd: 'go.etcd.io/etcd/server/v3',
  // An ACME server for tests, by the people of Let's Encrypt; Debian 12's knows no renewal information (RFC 9773).
  pebble: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
  // Several times as fast as Debian's.
  'wireguard-go': 'golang.zx2c4.com/wireguard',
};

const sumsFile = 'SHA256SUMS';
/** 40 s with downloads on two cores, 100 s where others keep them busy (measured); one that takes longer waits in vain. */
const longestMs = 200_000;
/** The first whose `go` finds, where go.mod wants it, a newer Go by itself (go.dev/doc/toolchain). */
const least = { major: 1, minor: 21 };

/** Everything below is about one work tree, `root`. */
export function tools(root) {
  const module = join(root, 'cmd', 'run', 'tools');
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pop44', 'tools');

  /** Where the tools are, or would be: { directory, go }, or { problem }. */
  function place() {
    const go = located('go', ['/usr/local/go/bin', '/usr/lib/go/bin']);
    if (go === undefined)
      return { problem: `Go ${least.major}.${least.minor} or newer is not on this machine (${cure})` };
    // Of the Go that is here, not of the one that it may fetch.
    const told = spawnSync(go, ['version'], { encoding: 'utf8', env: { ...process.env, GOTOOLCHAIN: 'local' } });
    const version = told.stdout?.trim() ?? '';
    const [, major, minor] = /\bgo(\d+)\.(\d+)/.exec(version) ?? [];
    if (Number(major) * 1_000 + Number(minor) < least.major * 1_000 + least.minor || minor === undefined) {
      const here = told.error?.message ?? (version || told.stderr.trim());
      return { problem: `Go ${least.major}.${least.minor} or newer is needed, and here is ${here} (${cure})` };
    }
    const hash = createHash('sha256');
    for (const name of ['go.mod', 'go.sum']) hash.update(readFileSync(join(module, name)));
    return { directory: join(cache, hash.update(version).digest('hex').slice(0, 16), 'bin'), go };
  }

  /**
   * The folder of the tools, { directory }, every one as it was built. Else why not, { problem, buildable }. Builds
   * nothing.
   */
  function find() {
    const { directory, problem } = place();
    if (problem !== undefined) return { problem, buildable: false };
    const sums = join(directory, sumsFile);
    if (!existsSync(sums)) return { problem: 'they are not built (npm run tools)', buildable: true };
    if (readFileSync(sums, 'utf8') === sumsOf(directory)) return { directory };
    return { problem: `${directory} is not what was built there (npm run tools builds it anew)`, buildable: true };
  }

  /**
   * Builds what `find` does not find. One process at a time (the caller holds a lock). Gives back what went wrong, or
   * undefined.
   */
  function build(say) {
    if (find().directory !== undefined) return undefined;
    const { directory, go, problem } = place();
    if (problem !== undefined) return problem;
    const began = Date.now();
    const home = join(directory, '..');
    const staging = `${home}.new`;
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(join(staging, 'bin'), { recursive: true });
    say(`tools: building ${Object.keys(programs).join(', ')} with Go (once; about a minute)`);
    for (const [name, source] of Object.entries(programs)) {
      const failed = goBuild(go, join(staging, 'bin', name), source, longestMs - (Date.now() - began));
      if (failed !== undefined) return `${name} could not be built:\n${failed}`;
    }
    writeFileSync(join(staging, 'bin', sumsFile), sumsOf(join(staging, 'bin')));
    rmSync(home, { recursive: true, force: true });
    renameSync(staging, home);
    say(`tools: ready in ${((Date.now() - began) / 1000).toFixed(0)} s`);
    return undefined;
  }

  function goBuild(go, output, source, timeout) {
    const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags=-s -w', '-o', output];
    const run = spawnSync(go, ['build', ...flags, source], {
      cwd: module,
      // Without C nothing but Go is needed. A packager's default may forbid fetching a newer Go; who says so in the
      // environment is heard.
      env: { ...process.env, CGO_ENABLED: '0', GOWORK: 'off', GOTOOLCHAIN: process.env.GOTOOLCHAIN || 'auto' },
      encoding: 'utf8',
      timeout: Math.max(1, timeout),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (run.status === 0) return undefined;
    const why = run.error?.message ?? run.signal ?? `exit ${run.status}`;
    return `go build ${source} (${why}):\n${run.stderr.trim().split('\n').slice(-15).join('\n')}`;
  }

  return { find, build, lockFile: join(cache, 'lock') };
}

const cure = 'on Debian: apt-get install golang-go, from bookworm-backports on Debian 12; or go.dev/dl';

/** As sha256sum(1) writes them; a program that is missing has no line. */
function sumsOf(directory) {
  const lines = Object.keys(programs).flatMap((name) => {
    const path = join(directory, name);
    return existsSync(path) ? [`${createHash('sha256').update(readFileSync(path)).digest('hex')}  ${name}\n`] : [];
  });
  return lines.join('');
}
