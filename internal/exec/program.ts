// Program: which file is meant by a name, and how a command looks inside a namespace.

import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '#internal/errors/errors.ts';

export interface Command {
  /** A program's name (`nft`) or an absolute path. */
  readonly file: string;
  readonly args: readonly string[];
  /** Path of the network namespace's file: `/run/netns/p1t`. Absent: our own. */
  readonly netns?: string;
  /** Added to the small environment that every child gets. */
  readonly env?: Readonly<Record<string, string>>;
  /** Texts that are cut from whatever is told about this command. */
  readonly secrets?: readonly string[];
}

/** The FHS's places for programs, own builds first. */
const directories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

const resolved = new Map<string, string>();

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** The absolute path of a program; looked up once a process. @throws Fault `missing-program` */
function programPath(file: string): string {
  if (file.startsWith('/')) return file;
  const known = resolved.get(file);
  if (known !== undefined) return known;
  const path = directories.map((directory) => join(directory, file)).find(isProgram);
  if (path === undefined) {
    throw new Fault('missing-program', `${file} is not installed (looked in ${directories.join(', ')})`);
  }
  resolved.set(file, path);
  return path;
}

/** The whole argv. nsenter becomes the program by exec, so that the child's pid is the program's. */
export function argvOf(command: Command): readonly [string, ...string[]] {
  const program = programPath(command.file);
  return command.netns === undefined
    ? [program, ...command.args]
    : [programPath('nsenter'), `--net=${command.netns}`, '--', program, ...command.args];
}

/** C locale: messages are parsed. HOME leads nowhere: `nft -i` would keep a history file there. */
export function environmentOf(command: Command): Record<string, string> {
  return { PATH: directories.join(':'), LC_ALL: 'C', HOME: '/nonexistent', ...command.env };
}

const longestShown = 400;

/** The command as one line for people, secrets cut, at most 400 characters. */
export function shownCommand(command: Command): string {
  const line = cutSecrets(command, [command.file, ...command.args].join(' '));
  const cut = line.length > longestShown ? `${line.slice(0, longestShown)}...` : line;
  return command.netns === undefined ? cut : `${cut} (in ${command.netns})`;
}

export function cutSecrets(command: Command, text: string): string {
  return (command.secrets ?? []).reduce(
    (rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, '***')),
    text,
  );
}
