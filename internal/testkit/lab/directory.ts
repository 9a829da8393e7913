// Directory: a lab's place on the machine, $XDG_RUNTIME_DIR/pop44/<lab> or /tmp/pop44-<uid>/<lab>.

import { lstat, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Fault, messageOf } from '#internal/errors/errors.ts';

const ownerFile = 'owner.json';

/** Whoever started a lab: a pid may be given to another process, the pair with its start time not. */
interface Owner {
  readonly pid: number;
  readonly startTicks: string;
}

/** proc(5): field 22 of /proc/<pid>/stat, ticks since boot. Undefined when there is no such process. */
async function startTicks(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name, field 2, may hold spaces and parentheses; nothing after the last one does.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

const beingMade = /^\.new-(\d+)$/;

async function ownerLives(directory: string): Promise<boolean> {
  const maker = beingMade.exec(basename(directory))?.[1];
  if (maker !== undefined) return (await startTicks(Number(maker))) !== undefined;
  try {
    const owner = JSON.parse(await readFile(join(directory, ownerFile), 'utf8')) as Owner;
    return (await startTicks(owner.pid)) === owner.startTicks;
  } catch {
    return false;
  }
}

/** Where the labs of this user are. Made when it is not there. @throws Fault `lab-directory` when it is another's */
async function labsDirectory(environment: NodeJS.ProcessEnv): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const runtime = environment['XDG_RUNTIME_DIR'] ?? '';
  const directory = runtime === '' ? `/tmp/pop44-${uid}` : join(runtime, 'pop44');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  // In /tmp anybody could have made it first.
  const stat = await lstat(directory);
  if (!stat.isDirectory() || stat.uid !== uid || (stat.mode & 0o077) !== 0)
    throw new Fault('lab-directory', `${directory} must be a directory of your own with mode 0700; remove it`);
  return directory;
}

/** Removes what labs left behind whose owner is gone. */
async function sweep(labs: string): Promise<void> {
  for (const name of await readdir(labs)) {
    const directory = join(labs, name);
    if (!(await ownerLives(directory))) await removeDirectory(directory);
  }
}

/** Again when a process that is just ending writes another line to its log meanwhile. */
export function removeDirectory(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
}

const labNameForm = /^[a-z0-9][a-z0-9-]{0,19}$/;

const mostTries = 5;

const hasCode = (thrown: unknown, ...codes: readonly string[]): boolean =>
  thrown instanceof Error && 'code' in thrown && codes.some((code) => code === thrown.code);

// The target is another lab's.
const isTaken = (thrown: unknown): boolean => hasCode(thrown, 'ENOTEMPTY', 'EEXIST');

interface Claim {
  readonly name: string;
  readonly directory: string;
}

/**
 * Makes the directory of a new lab, owned by this process: `name`, or the first free of lab1, lab2, ...
 * Removes what dead labs left before.
 * @throws Fault `lab-name` when the name is taken or none, `lab-directory` when there is no place
 */
export async function claimDirectory(environment: NodeJS.ProcessEnv, name: string | undefined): Promise<Claim> {
  if (name !== undefined && !labNameForm.test(name))
    throw new Fault('lab-name', `${JSON.stringify(name)} is no name for a lab (1 to 20 of a-z, 0-9 and -)`);
  for (let again = mostTries; ; again -= 1) {
    const labs = await labsDirectory(environment);
    try {
      await sweep(labs);
      return await claimIn(labs, name);
    } catch (thrown) {
      // The last other lab has just gone, and took the place of all with it.
      if (again === 0 || !hasCode(thrown, 'ENOENT')) throw thrown;
    }
  }
}

// It appears with its owner's mark in it at once, so that no other start sweeps it.
async function claimIn(labs: string, name: string | undefined): Promise<Claim> {
  const owner: Owner = { pid: process.pid, startTicks: (await startTicks(process.pid)) ?? '' };
  const made = join(labs, `.new-${process.pid}`);
  await mkdir(made, { mode: 0o700 });
  await writeFile(join(made, ownerFile), JSON.stringify(owner));
  for (let number = 1; ; number += 1) {
    const candidate = name ?? `lab${number}`;
    try {
      await rename(made, join(labs, candidate));
      return { name: candidate, directory: join(labs, candidate) };
    } catch (thrown) {
      if (isTaken(thrown) && name === undefined) continue;
      await removeDirectory(made);
      throw isTaken(thrown)
        ? new Fault('lab-name', `a lab called ${candidate} is running`)
        : new Fault('lab-directory', messageOf(thrown), thrown);
    }
  }
}
