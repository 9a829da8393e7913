// Start: a lab in fresh namespaces, seen from outside.
//
// Whatever ends us ends the lab: its first process reads a pipe that we hold, and a shell outside the namespaces,
// in a session of its own, waits for it and removes the directory.

import { readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { labExecArgv, openClient } from '#internal/client/client.ts';
import { Fault } from '#internal/errors/errors.ts';
import { keep, run } from '#internal/exec/exec.ts';
import type { RunOutput } from '#internal/exec/exec.ts';
import { programFile, programsEnv } from '../programs.ts';
import { contextFile } from './context.ts';
import type { LabContext } from './context.ts';
import { claimDirectory, removeDirectory } from './directory.ts';
import type { ExecOptions } from './machines.ts';
import { adminFiles, apiSocket, webSocket } from './node-files.ts';
import { insideDirectory } from './places.ts';
import { openRelay } from './relay.ts';
import type { Relay } from './relay.ts';
import type { Step } from './world.ts';

export interface StartOptions {
  /** Default: the first free of lab1, lab2, ... */
  readonly name?: string;
  /** Only the world: networks, NATs, transit, the nodes' files, and nothing of pop44. */
  readonly bare?: boolean;
  /** pop44-web too, which bundles scripts and takes 100 MB. */
  readonly web?: boolean;
  readonly environment: NodeJS.ProcessEnv;
  /** Programs that stand in the lab in the place of the system's: name and path of each. */
  readonly programs?: ReadonlyMap<string, string>;
  /** Aborted: the lab is removed, whether it was ready or not. */
  readonly signal?: AbortSignal;
  readonly onStep?: (step: Step) => void;
  /** A line for people: a service that stays down, a fault. */
  readonly onWord?: (line: string) => void;
}

export interface StartedLab {
  readonly context: LabContext;
  readonly directory: string;
  /** Runs a program to its end in a namespace, on its machine. @throws Fault `exec` */
  exec(netns: string, argv: readonly string[], options?: ExecOptions): Promise<RunOutput>;
  /** Resolves when the lab is gone, by itself or by stop. */
  readonly ended: Promise<void>;
  /** Ends everything and removes the directory; below a second. */
  stop(): Promise<void>;
}

/** What the inside tells on its standard output, one JSON a line. */
export type InsideWord =
  | { readonly step: Step }
  | { readonly ready: { readonly nodes: readonly string[]; readonly namespaces: readonly string[] } }
  | { readonly word: string };

// The lab's first process. /run is covered while we stand in the lab's directory, which may lie in it (-c: mount must
// not look for its name). It reaps orphans, which Node does not. A line or the end of its input ends it, and with it
// everything: the kernel kills whoever is left in the process namespace (pid_namespaces(7)).
const firstProcess = `
set -eu
cd "$1"; shift
# Before /run is covered, where their files may lie.
while [ "$1" != -- ]; do
  mount --bind "$2" "$(command -v "$1")"
  shift 2
done
shift
mount -t tmpfs -o mode=755 tmpfs /run
mkdir ${insideDirectory}
mount -c --bind . ${insideDirectory}
cd /
ip link set lo up
exec 4<&0
"$@" </dev/null &
read -r -u 4 _ &
wait -n
`;

// Stands outside the namespaces; signals meant for the lab's starter do not end it before it has cleaned up.
const janitor =
  'trap : INT TERM HUP; d="$1"; shift; "$@"; cd /; rm -rf -- "$d"; rmdir --ignore-fail-on-non-empty -- "${d%/*}"';

const unshare = [
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  '--net',
  '--pid',
  '--fork',
  '--mount-proc',
  '--kill-child',
];

/** The child of a process, by its parent's number in /proc/<pid>/stat (field 4, proc(5)). */
async function childOf(parent: number): Promise<number | undefined> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    if (stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(parent)) return Number(name);
  }
  return undefined;
}

// janitor -> unshare -> first process
async function firstPid(janitorPid: number): Promise<number> {
  const between = await childOf(janitorPid);
  const first = between === undefined ? undefined : await childOf(between);
  if (first === undefined) throw new Fault('lab', 'the lab has no first process any more');
  return first;
}

async function writeContext(directory: string, context: LabContext): Promise<void> {
  const file = join(directory, contextFile);
  await writeFile(`${file}.new`, `${JSON.stringify(context, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

async function openWeb(
  directory: string,
  relays: Relay[],
): Promise<{ readonly public: string; readonly console: string }> {
  const at = async (kind: 'public' | 'console'): Promise<string> => {
    const relay = await openRelay(webSocket(directory, kind));
    relays.push(relay);
    return `https://${relay.address}`;
  };
  return { public: await at('public'), console: await at('console') };
}

/** Links in mails lead there. */
async function nameWeb(file: string, context: LabContext, publicUrl: string): Promise<void> {
  const client = openClient({ file, ...context });
  try {
    await client.people.setSignUp({ publicUrl });
  } finally {
    client.close();
  }
}

/** Raises a lab and resolves when it is ready. @throws Fault `lab` when it is not; everything is gone then */
export async function startLab(options: StartOptions): Promise<StartedLab> {
  const { name, directory } = await claimDirectory(options.environment, options.name);
  const told: string[] = [];
  const ending = Promise.withResolvers<void>();
  const ready = Promise.withResolvers<{ readonly nodes: readonly string[]; readonly namespaces: readonly string[] }>();
  const say = (line: string): void => {
    told.push(line);
    options.onWord?.(line);
  };
  const hear = (line: string): void => {
    const word = JSON.parse(line) as InsideWord;
    if ('step' in word) options.onStep?.(word.step);
    else if ('ready' in word) ready.resolve(word.ready);
    else say(word.word);
  };
  const programs = [...(options.programs ?? [])].flat();
  const command = [
    ...unshare,
    'bash',
    '-c',
    firstProcess,
    'lab',
    directory,
    ...programs,
    '--',
    process.execPath,
    programFile('lab'),
  ];
  const kept = await keep({
    file: 'setsid',
    args: [
      'bash',
      '-c',
      janitor,
      'janitor',
      directory,
      ...command,
      ...(options.bare === true ? ['--bare'] : []),
      ...(options.web === true ? ['--web'] : []),
    ],
    env: programsEnv(),
    onStdout: hear,
    onStderr: say,
    onExit() {
      ready.reject(new Fault('lab', `the lab ended before it was ready${told.length === 0 ? '' : `: ${told.at(-1)}`}`));
      ending.resolve();
    },
  }).catch(async (thrown: unknown) => {
    await removeDirectory(directory);
    throw thrown;
  });
  const relays: Relay[] = [];
  const stop = async (): Promise<void> => {
    for (const relay of relays) relay.close();
    kept.write('end\n');
    await ending.promise;
  };
  const onAbort = (): void => kept.write('end\n');
  if (options.signal?.aborted === true) onAbort();
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const { nodes, namespaces } = await ready.promise;
    for (const node of nodes) relays.push(await openRelay(apiSocket(directory, node)));
    const web = options.web === true ? await openWeb(directory, relays) : undefined;
    const context: LabContext = {
      lab: name,
      pid: await firstPid(kept.pid),
      ca: join(directory, adminFiles.ca),
      certificate: join(directory, adminFiles.certificate),
      key: join(directory, adminFiles.key),
      daemons: nodes.map((node, at) => ({ node, address: relays[at]?.address ?? '' })),
      namespaces,
      ...(web && { web }),
    };
    await writeContext(directory, context);
    if (web !== undefined) await nameWeb(join(directory, contextFile), context, web.public);
    return {
      context,
      directory,
      ended: ending.promise,
      stop,
      exec(netns, argv, execOptions = {}) {
        const [file, ...args] = labExecArgv(context, netns, argv);
        return run({ file, args, ...execOptions });
      },
    };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}
