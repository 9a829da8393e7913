// Lab exec: the way into a running lab from outside, as argv.

/** In the lab's /run: symbolic links `<netns>` to the mount namespace of the machine that has this network namespace. */
export const machinesDirectory = '/run/machines';

/** In the lab: enters a machine's mount namespace (its own /run/wireguard) and one of its network namespaces. */
export const enterMachineArgv = (netns: string): readonly [string, ...string[]] => [
  ...(['nsenter', `--mount=${machinesDirectory}/${netns}`, `--net=/run/netns/${netns}`, '--'] as const),
];

// An ordinary user's PATH has no sbin on Debian; bird, nft and wg live there.
const sbin = '/usr/local/sbin:/usr/sbin:/sbin';

export interface LabExecOptions {
  /** The caller's PATH; default: Debian's. */
  readonly path?: string;
  /** Where the command starts: everything but /run is the same inside. Default: /. */
  readonly directory?: string;
}

/**
 * The argv that runs `argv` in a network namespace of the lab, on the machine that has it (so that `wg show` finds its
 * interfaces). Input, output and terminal are the caller's. Works for whoever raised the lab.
 * Throws RangeError when the context is no lab's, or the lab has no such namespace.
 */
export function labExecArgv(
  context: { readonly pid?: number; readonly namespaces: readonly string[] },
  netns: string,
  argv: readonly string[],
  options: LabExecOptions = {},
): readonly [string, ...string[]] {
  if (context.pid === undefined) throw new RangeError('this network is no lab');
  if (!context.namespaces.includes(netns))
    throw new RangeError(`no namespace ${netns} in this lab; there are ${context.namespaces.join(', ')}`);
  const { path = '/usr/bin:/bin', directory = '/' } = options;
  const start = `${directory}/`.startsWith('/run/') ? '/' : directory;
  const namespaces = ['--user', '--preserve-credentials', '--mount', '--pid'];
  return [
    'nsenter',
    ...['--target', String(context.pid), ...namespaces, '--'],
    ...enterMachineArgv(netns),
    ...['env', `--chdir=${start}`, `PATH=${path}:${sbin}`],
    ...argv,
  ];
}
