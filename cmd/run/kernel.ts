// Kernel: `npm run test:kernel`, the tests of what the kernel may have and this machine's lacks: WireGuard, fair queues,
// a clock that may be set. A machine in QEMU with Debian's cloud kernel runs them, without KVM, in some minutes
// (internal/adr/0024).
//
// Arguments are parts of paths of test files instead of the usual ones. The last line is that of `npm test`.
// Never hangs: the whole has a limit. Leaves the unpacked kernel in the cache and nothing else.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Counts } from './counts.ts';
import { type Kernel, kernel, makeImage, Unready } from './kernel-image.ts';

const tree = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const inCi = (process.env['CI'] ?? '') !== '' && process.env['CI'] !== 'false';
/** Whoever waits gives up at 15 minutes; the usual tests take 2 to 3 minutes of processor (measured). */
const longestMs = 870_000;
/** Three etcd and four pop44d take 1.5 GB. */
const memoryMb = 3072;
/** Parts of paths: what speaks to what this kernel has and others lack. */
const usual = ['driver/wg/', 'driver/tc/'];

const args = process.argv.slice(2);
const counts = new Counts({ inCi, filtered: args.length > 0 });
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

function finish(): never {
  const problems = counts.problems();
  if (problems.length > 0) process.stdout.write(`\n${problems.join('\n')}\n`);
  process.stdout.write(`\n${counts.lastLine()}\n`);
  process.exit(counts.ok() ? 0 : 1);
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
/** The tally ends with how vitest did. */
const command = [
  `export POP44_KERNEL=1 ${inCi ? 'CI=1' : ''} NO_COLOR=1 POP44_NO_TOOLS='not in this machine'`,
  [
    'node node_modules/vitest/vitest.mjs run --config=cmd/run/vitest.config.ts --configLoader=native',
    '--project=kernel --reporter=default --reporter=./cmd/run/tally.ts',
    ...(args.length > 0 ? args : usual).map(quoted),
    '2>&1 </dev/null',
  ].join(' '),
  'echo "exit $?" >&3',
  '',
].join('\n');

const qemuArgs = ({ image }: Kernel, disk: string, folder: string): readonly string[] => [
  ...['-accel', 'tcg', '-cpu', 'max', '-smp', '2', '-m', String(memoryMb)],
  ...['-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none', '-no-reboot'],
  // What is written goes into a file of QEMU's that has no name.
  ...['-drive', `file=${disk},if=none,id=disk,format=raw,snapshot=on`, '-device', 'nvme,serial=pop44,drive=disk'],
  ...['-kernel', image],
  ...['-append', 'console=ttyS0 root=/dev/nvme0n1 rw init=/pop44-init panic=-1 quiet loglevel=4'],
  ...['-serial', `file:${join(folder, 'console')}`, '-serial', 'stdio', '-serial', `file:${join(folder, 'tally')}`],
];

/** What stands in a file that the machine may not have begun. */
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'latin1') : '');

function boot(ours: Kernel, disk: string, folder: string): Promise<void> {
  const part = counts.begin();
  return new Promise((resolve) => {
    // QEMU ends with us, however we end.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...qemuArgs(ours, disk, folder)], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    let stopped: string | undefined;
    const stop = (why: string): void => {
      stopped ??= why;
      child.kill('SIGKILL');
    };
    const timer = setTimeout(() => stop(`stopped after ${longestMs / 1000} s`), longestMs);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => stop(`stopped by ${signal}`));
    child.on('error', (error) => stop(`qemu-system-x86_64: ${error.message}`));
    child.on('close', () => {
      clearTimeout(timer);
      const lines = textOf(join(folder, 'tally')).split('\n');
      // The last one may be cut.
      const partial = lines.pop() ?? '';
      let code: number | null = null;
      for (const line of lines) {
        if (line.startsWith('exit ')) code = Number(line.slice(5));
        else part.take(line);
      }
      if (stopped !== undefined)
        counts.broke(`${stopped}; still running: ${counts.unfinished().join(', ') || 'no test'}`);
      else if (code === null) {
        const last = textOf(join(folder, 'console')).trim().split('\n').slice(-15).join('\n');
        counts.broke(`the machine ended by itself ${partial}; its console said last:\n${last}`);
      } else {
        part.exited(code, null);
        counts.ended();
      }
      resolve();
    });
  });
}

if (process.arch !== 'x64') {
  counts.broke(`a machine of this kind (${process.arch}) cannot lend its programs to an x64 one`);
  finish();
}
const folder = mkdtempSync(join(process.env['TMPDIR'] ?? '/var/tmp', 'pop44-kernel-'));
try {
  const started = Date.now();
  const ours = kernel(say);
  const packages = (process.env['POP44_PACKAGES'] ?? '').split(' ');
  const disk = makeImage({ tree, kernel: ours, packages, command, folder });
  say(`kernel: ${ours.release}, its disk made in ${Date.now() - started} ms`);
  await boot(ours, disk, folder);
} catch (error) {
  if (!(error instanceof Unready)) throw error;
  counts.broke(error.message);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
finish();
