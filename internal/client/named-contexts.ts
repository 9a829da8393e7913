// Named contexts: networks that a person speaks to again and again, by names of their own.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { loginFileOf, removeBearer } from './bearer.ts';
import { type Context, readContext } from './context.ts';

type Env = Readonly<Record<string, string | undefined>>;

export interface NamedContext {
  readonly name: string;
  readonly file: string;
  readonly current: boolean;
  /** Undefined: see problem. */
  readonly context?: Context;
  readonly problem?: string;
}

const nameSyntax = /^[a-z0-9][a-z0-9-]{0,62}$/;
const extension = '.json';

/** `$XDG_CONFIG_HOME/pop44`, else `~/.config/pop44` (XDG Base Directory). Undefined: who runs this has no home. */
function configFolder(env: Env): string | undefined {
  const [config, home] = [env['XDG_CONFIG_HOME'], env['HOME']];
  if (config !== undefined && config !== '') return join(config, 'pop44');
  return home === undefined || home === '' ? undefined : join(home, '.config', 'pop44');
}

const fileOf = (folder: string, name: string): string => join(folder, 'contexts', `${name}${extension}`);
const currentFile = (folder: string): string => join(folder, 'current-context');

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The file of a name; undefined: there is none of it. A path is no name. */
export function contextFileNamed(name: string, env: Env): string | undefined {
  const folder = configFolder(env);
  if (folder === undefined || !nameSyntax.test(name)) return undefined;
  return textOf(fileOf(folder, name)) === undefined ? undefined : fileOf(folder, name);
}

/** The file of what was last used by name. Throws Fault `no-context` when that is gone. */
export function currentContextFile(env: Env): string | undefined {
  const folder = configFolder(env);
  const name = folder === undefined ? undefined : textOf(currentFile(folder))?.trim();
  if (name === undefined || name === '') return undefined;
  const file = contextFileNamed(name, env);
  if (file !== undefined) return file;
  throw new Fault(
    'no-context',
    `the context in use, ${JSON.stringify(name)}, is gone (pop44 context list, context use)`,
  );
}

/** By name. */
export function namedContexts(env: Env): readonly NamedContext[] {
  const folder = configFolder(env);
  if (folder === undefined) return [];
  const current = textOf(currentFile(folder))?.trim();
  return filesIn(join(folder, 'contexts'))
    .filter((name) => name.endsWith(extension) && nameSyntax.test(name.slice(0, -extension.length)))
    .sort()
    .map((base) => {
      const name = base.slice(0, -extension.length);
      const same = { name, file: fileOf(folder, name), current: name === current };
      try {
        return { ...same, context: readContext(same.file) };
      } catch (thrown) {
        return { ...same, problem: messageOf(thrown) };
      }
    });
}

function filesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/**
 * Keeps a context under a name; its paths are kept whole, so that the file it came from may go. Throws Fault `context`
 * that says what is wrong with name or file, and when the name is taken.
 */
export function addContext(name: string, context: Context, env: Env): string {
  if (!nameSyntax.test(name)) {
    throw new Fault('context', `${JSON.stringify(name)} is no name (1 to 63 of a-z, 0-9 and -, not - first)`);
  }
  const folder = neededFolder(env);
  if (contextFileNamed(name, env) !== undefined) {
    throw new Fault('context', `there is a context ${name} already (pop44 context delete ${name})`);
  }
  const { file: _, ...fields } = context;
  mkdirSync(join(folder, 'contexts'), { recursive: true, mode: 0o700 });
  // Of another network that had this name: a secret is for whom it was made with alone.
  removeBearer(loginFileOf({ file: fileOf(folder, name) }));
  writeFileSync(fileOf(folder, name), `${JSON.stringify(fields, undefined, 2)}\n`, { flag: 'wx', mode: 0o600 });
  return fileOf(folder, name);
}

/** From now on it is spoken to when nothing else is said; `undefined`: none is. Throws Fault `no-context`. */
export function useContext(name: string | undefined, env: Env): void {
  const folder = neededFolder(env);
  if (name === undefined) {
    rmSync(currentFile(folder), { force: true });
    return;
  }
  known(name, env);
  writeFileSync(`${currentFile(folder)}.new`, `${name}\n`, { mode: 0o600 });
  renameSync(`${currentFile(folder)}.new`, currentFile(folder));
}

/** Certificate and key stay where they are, a login goes. Throws Fault `no-context`. */
export function deleteContext(name: string, env: Env): void {
  const file = known(name, env);
  removeBearer(loginFileOf({ file }));
  rmSync(file);
  if (textOf(currentFile(neededFolder(env)))?.trim() === name) useContext(undefined, env);
}

function known(name: string, env: Env): string {
  const file = contextFileNamed(name, env);
  if (file !== undefined) return file;
  const names = namedContexts(env).map((each) => each.name);
  throw new Fault(
    'no-context',
    `there is no context ${JSON.stringify(name)} (there are: ${names.join(', ') || 'none'})`,
  );
}

function neededFolder(env: Env): string {
  const folder = configFolder(env);
  if (folder === undefined)
    throw new Fault('context', 'neither HOME nor XDG_CONFIG_HOME is set: there is no place for contexts');
  return folder;
}
