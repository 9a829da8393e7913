// Kernel image: the disk of a machine that runs Debian's cloud kernel with this machine's programs and this work tree.
//
// The kernel comes as a package that is unpacked and not installed. It has NVMe and ext4 built in: no initramfs. The
// programs are those of the packages that the tests need, with all that these depend on, as dpkg knows them. Nothing of
// this machine is in it beyond that: no keys, no homes.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A sentence for the user, with the cure. */
export class Unready extends Error {}

function output(file: string, args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  const run = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: 256 * 1024 * 1024,
    // Of a package of 27 MB on a slow line.
    timeout: 240_000,
    ...options,
  });
  if (run.status === 0) return run.stdout;
  const why = run.error?.message ?? run.signal ?? `exit ${run.status}`;
  throw new Unready(
    `${file} ${args.slice(0, 4).join(' ')} (${why}): ${(run.stderr ?? '').trim().split('\n').slice(-5).join('\n')}`,
  );
}

export interface Kernel {
  /** As uname(1) says. */
  readonly release: string;
  readonly image: string;
  /** Its modules, for depmod(8) and modprobe(8). */
  readonly modules: string;
}

const metaPackage = 'linux-image-cloud-amd64';

/** The kernel that Debian has now, from the cache where it was unpacked before. @throws Unready */
export function kernel(say: (line: string) => void): Kernel {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'pop44', 'kernel');
  const told = output('apt-cache', ['show', '--no-all-versions', metaPackage]);
  const [, name] = /^Depends:.*\b(linux-image-[^\s,]+-cloud-amd64)\b/m.exec(told) ?? [];
  const [, version] = /^Version: (\S+)$/m.exec(told) ?? [];
  if (name === undefined || version === undefined)
    throw new Unready(`apt knows no ${metaPackage}: as root, apt-get update`);
  const home = join(cache, `${name}_${version.replaceAll(/[^\w.+~-]/g, '_')}`);
  if (!existsSync(home)) {
    const staging = `${home}.${process.pid}.new`;
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { recursive: true });
    try {
      say(`kernel: apt-get download ${name}`);
      output('apt-get', ['--quiet', 'download', name], { cwd: staging });
      const [deb = ''] = readdirSync(staging);
      output('dpkg-deb', ['--extract', deb, 'unpacked'], { cwd: staging });
      output('depmod', ['--basedir', join(staging, 'unpacked'), name.replace('linux-image-', '')]);
      rmSync(join(staging, deb));
      // Who was faster has made the same.
      if (!existsSync(home)) renameSync(staging, home);
    } finally {
      rmSync(staging, { recursive: true, force: true });
    }
  }
  const release = name.replace('linux-image-', '');
  const unpacked = join(home, 'unpacked');
  return {
    release,
    image: join(unpacked, 'boot', `vmlinuz-${release}`),
    modules: join(unpacked, 'lib/modules', release),
  };
}

/** The names of a relation field of dpkg: alternatives within each, versions and architectures cut. */
const relations = (field: string): readonly (readonly string[])[] =>
  field.split(',').map((part) =>
    part
      .split('|')
      .map((name) => name.trim().replace(/[\s:(].*$/s, ''))
      .filter((name) => name !== ''),
  );

/** These packages, the essential ones, and all that they depend on, as far as they are installed. */
export function closureOf(wanted: readonly string[], told: string): readonly string[] {
  const packages = new Map<string, { readonly essential: boolean; readonly needs: readonly (readonly string[])[] }>();
  const provided = new Map<string, string>();
  for (const line of told.split('\n')) {
    const [name = '', status, essential, needs = '', provides = ''] = line.split('\t');
    if (status !== 'installed') continue;
    packages.set(name, { essential: essential === 'yes', needs: relations(needs) });
    for (const virtual of relations(provides).flat()) provided.set(virtual, name);
  }
  const closure = new Set<string>();
  const waiting = [...wanted, ...[...packages].filter(([, { essential }]) => essential).map(([name]) => name)];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const real = packages.has(name) ? name : provided.get(name);
    if (real === undefined || closure.has(real)) continue;
    closure.add(real);
    for (const alternatives of packages.get(real)?.needs ?? [])
      waiting.push(...alternatives.filter((each) => packages.has(each) || provided.has(each)).slice(0, 1));
  }
  return [...closure].sort();
}

/** What no test reads, or only reads for. */
const superfluous =
  /^\/(usr\/share\/(doc|man|locale|info|lintian|bug|perl|perl5|zoneinfo|gcc)|usr\/lib\/systemd|var|boot)\//;
/** What Debian's scripts make, and no package has. */
const madeFiles = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf', '/etc/ld.so.cache', '/etc/alternatives'];
/** Tools for the work on the code, as large as all the rest. */
const leftOut = ['.git', '.cache', 'bench/out', 'chaos/out'].map((path) => `./${path}`);
const leftOutModules = ['@biomejs', '@bufbuild/buf*', '@typescript', '@oxlint*', 'oxlint*', 'knip', 'oxc-parser'];

/** Copies these paths with tar(1), links as links. What an ordinary user cannot read is left out. */
function copy(from: string, args: readonly string[], to: string, list = ''): void {
  const script =
    'from=$1; to=$2; shift 2; tar -C "$from" --ignore-failed-read -cf - "$@" | tar -C "$to" --keep-directory-symlink --no-same-owner -xf -';
  output('sh', ['-c', script, 'copy', from, to, ...args], { input: list });
}

/** What runs first there. `exec` would make vitest collect orphans, which Node does not. */
const firstProcess = `#!/bin/sh
export PATH=/pop44/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C TMPDIR=/tmp XDG_RUNTIME_DIR=/run/user
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs -o mode=0755 run /run
mount -t tmpfs -o mode=1777 tmp /tmp
mkdir -m 0700 /run/user
mkdir -p /run/lock
hostname kernel
ip link set lo up
modprobe tun
modprobe wireguard
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo
cd /pop44
. /pop44-command 3>/dev/ttyS2 | cat >/dev/ttyS1
sync
echo b >/proc/sysrq-trigger
`;

export interface ImageOptions {
  readonly tree: string;
  readonly kernel: Kernel;
  /** Debian packages whose programs are there. */
  readonly packages: readonly string[];
  /** Shell, in the work tree: its output is shown, descriptor 3 is the tally. */
  readonly command: string;
  /** A folder of ours. */
  readonly folder: string;
}

/** Makes the disk; gives back its path. About 3 s. @throws Unready */
export function makeImage({ tree, kernel: { modules, release }, packages, command, folder }: ImageOptions): string {
  const root = join(folder, 'root');
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    mkdirSync(join(root, 'usr', name), { recursive: true });
    symlinkSync(`usr/${name}`, join(root, name));
  }
  for (const name of [
    'dev',
    'proc',
    'sys',
    'run',
    'tmp',
    'root',
    'etc',
    'var/lib',
    'var/tmp',
    'pop44',
    `usr/lib/modules/${release}`,
  ])
    mkdirSync(join(root, name), { recursive: true });
  symlinkSync('/run', join(root, 'var/run'));
  const format = '${Package}\\t${db:Status-Status}\\t${Essential}\\t${Depends}, ${Pre-Depends}\\t${Provides}\\n';
  const closure = closureOf(
    [...packages, 'netbase', 'conntrack'],
    output('dpkg-query', ['--show', `--showformat=${format}`]),
  );
  const files = output('dpkg', ['--listfiles', ...closure])
    .split('\n')
    .filter((path) => /^\/(usr|etc|bin|sbin|lib|lib64)\/./.test(path) && !superfluous.test(`${path}/`));
  const paths = [...new Set([...files, ...madeFiles])].map((path) => `.${path}`).sort();
  copy('/', ['--no-recursion', '--files-from=-'], root, `${paths.join('\n')}\n`);
  const modulesLeftOut = leftOutModules.map((name) => `./node_modules/${name}`);
  copy(tree, [...[...leftOut, ...modulesLeftOut].map((path) => `--exclude=${path}`), '.'], join(root, 'pop44'));
  copy(modules, ['.'], join(root, 'usr/lib/modules', release));
  writeFileSync(join(root, 'pop44-init'), firstProcess, { mode: 0o755 });
  writeFileSync(join(root, 'pop44-command'), command);
  const image = join(folder, 'disk');
  // Sparse; what the tests write beside /tmp and /run is little.
  output('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-E', 'root_owner=0:0', '-d', root, image, '2G']);
  rmSync(root, { recursive: true });
  return image;
}
