// Preflight: what a machine must grant before a lab can stand on it, asked for before anything is made.

import { closeSync, existsSync, openSync } from 'node:fs';
import { messageOf } from '#internal/errors/errors.ts';
import { run } from '#internal/exec/exec.ts';

const tunDevice = '/dev/net/tun';

function tunProblem(): string | undefined {
  try {
    closeSync(openSync(tunDevice, 'r+'));
    return undefined;
  } catch (thrown) {
    const cure = existsSync(tunDevice)
      ? 'run as root, or have root do `chmod 0666 /dev/net/tun`'
      : 'have root do `modprobe tun`, or give the container --device /dev/net/tun';
    return `${tunDevice}, which wireguard-go needs, cannot be opened (${messageOf(thrown)}): ${cure}`;
  }
}

async function namespaceProblem(): Promise<string | undefined> {
  try {
    await run({ file: 'unshare', args: ['--user', '--map-root-user', '--mount', '--net', '--pid', '--fork', 'true'] });
    return undefined;
  } catch (thrown) {
    const cure =
      'the lab lives in user namespaces: run as root, or allow them (sysctl kernel.unprivileged_userns_clone=1, ' +
      'kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces above 0)';
    return `${messageOf(thrown)}. ${cure}.`;
  }
}

/** Why no lab can be raised here, and the cure; empty when one can. */
export async function preflight(): Promise<readonly string[]> {
  return [tunProblem(), await namespaceProblem()].filter((problem) => problem !== undefined);
}
