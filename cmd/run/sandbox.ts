// Sandbox: namespaces in which a test run can do what it likes and leaves nothing behind.
//
// User, mount, network and pid namespaces of their own; /run and /tmp are new and empty, lo is up, the work tree is
// read-only but for what Node has compiled. When the run ends, or whoever started it dies, the kernel ends every process
// inside.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';

// PID 1 here must collect orphans, which Node does not do; a shell that waits does. Node's own child stays a child of
// the shell, so that its exit code is the run's. A session of its own: a pid namespace does not stop kill(0), which once
// ended the shell that had called npm. The work tree may lie under /tmp: it is bound again after that is new.
const setUp = `set -e
mount -t tmpfs -o mode=0755 pop44-run /run
mkdir /run/tree
mount --rbind "$POP44_TREE" /run/tree
if [ -n "$POP44_TOOLS" ]; then
  mkdir /run/tools
  mount --bind "$POP44_TOOLS" /run/tools
fi
if [ -n "$POP44_COMPILED" ]; then
  mkdir /run/compiled
  mount --bind "$POP44_COMPILED" /run/compiled
fi
mount -t tmpfs -o mode=1777 pop44-tmp /tmp
mkdir -p "$POP44_TREE"
mount --move /run/tree "$POP44_TREE"
[ "$POP44_TREE_WRITABLE" = yes ] || mount -o remount,bind,ro "$POP44_TREE"
rmdir /run/tree
if [ -n "$POP44_COMPILED" ]; then
  mount --move /run/compiled "$POP44_COMPILED"
  rmdir /run/compiled
fi
if [ -n "$POP44_TOOLS" ]; then
  mkdir -p "$POP44_TOOLS"
  mount --move /run/tools "$POP44_TOOLS"
  rmdir /run/tools
fi
mkdir -m 0700 "$XDG_RUNTIME_DIR"
cd "$POP44_TREE"
ip link set lo up
unset POP44_TREE POP44_TREE_WRITABLE POP44_COMPILED
set +e
setsid "$@" &
wait $!
exit $?`;

/** util-linux's setpriv ends unshare with us, unshare (--kill-child) ends PID 1, and with it goes everything. */
const namespaces = ['-mnpf', '--mount-proc', '--kill-child'];
const withUsers = ['-Ur', ...namespaces];

export interface Sandbox {
  /** argv that runs the command inside. */
  command(inner: readonly string[]): readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
}

export interface SandboxOptions {
  readonly writable: boolean;
  /** What runs inside may make threads urgent (sched(7)), which a user namespace forbids: none for root. */
  readonly urgent?: boolean;
}

/**
 * A sandbox around the work tree `tree`. Gives back why not, as a sentence with the cure, when this machine allows none.
 */
export function sandbox(tree: string, options: SandboxOptions): Sandbox | { readonly problem: string } {
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch (thrown) {
    const cure = 'be root, or `modprobe tun`, or give the container --device /dev/net/tun';
    return { problem: `/dev/net/tun cannot be opened (${cure}): ${thrown instanceof Error ? thrown.message : ''}` };
  }
  // A user namespace keeps root's hands off the machine; some machines forbid it, then root does without.
  const isRoot = process.getuid?.() === 0;
  const tries = isRoot ? (options.urgent === true ? [namespaces] : [withUsers, namespaces]) : [withUsers];
  const refusals: string[] = [];
  for (const flags of tries) {
    const run = spawnSync('unshare', [...flags, 'mount', '-t', 'tmpfs', 'probe', '/run'], { encoding: 'utf8' });
    if (run.status === 0) return entered(tree, flags, options.writable);
    refusals.push(`unshare ${flags.join(' ')}: ${run.error?.message ?? run.stderr.trim()}`);
  }
  const cure = 'run as root, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, and no seccomp ban';
  return { problem: `namespaces are not to be had (${cure})\n  ${refusals.join('\n  ')}` };
}

/**
 * Where pop44d keeps what Node has compiled (cmd/pop44d/birth.ts). A test run starts pop44d some hundred times, and each
 * takes 0.65 s of processor for both halves that it saves with it (measured), as vitest's workers do. Empty: in somebody
 * else's tree, which does without.
 */
function compiledIn(tree: string): string {
  const directory = join(tree, 'node_modules', '.cache', 'compile');
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
    return directory;
  } catch {
    return '';
  }
}

function entered(tree: string, flags: readonly string[], writable: boolean): Sandbox {
  const compiled = compiledIn(tree);
  return {
    command: (inner) => ['setpriv', '--pdeathsig', 'KILL', 'unshare', ...flags, 'sh', '-c', setUp, 'sandbox', ...inner],
    env: {
      ...process.env,
      POP44_TREE: tree,
      POP44_TREE_WRITABLE: writable ? 'yes' : 'no',
      POP44_COMPILED: compiled,
      ...(compiled === '' ? {} : { NODE_COMPILE_CACHE: compiled }),
      TMPDIR: '/tmp',
      XDG_RUNTIME_DIR: '/run/user',
    },
  };
}
