// Bearer: the secret of a login or a token, in a file that nobody else can read.

import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import type { Context } from './context.ts';

const syntax = /^pop44_[A-Za-z0-9_-]{43}$/;

/** Where a login of this context is kept: beside the context's own file. */
export const loginFileOf = ({ file }: Pick<Context, 'file'>): string => `${file}.login`;

/** Undefined: there is no such file. Throws Fault `context` for one that others can read or that holds something else. */
export function readBearer(file: string): string | undefined {
  const bad = (problem: string, cause?: unknown): Fault => new Fault('context', `${file}: ${problem}`, cause);
  let text: string;
  try {
    if ((statSync(file).mode & 0o077) !== 0) throw bad('can be read by others (chmod 600)');
    text = readFileSync(file, 'utf8').trim();
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
    throw bad(`cannot be read: ${messageOf(thrown)}`, thrown);
  }
  if (!syntax.test(text)) throw bad('holds no login and no token (pop44 login makes another)');
  return text;
}

/** The old one or the new one is there, whenever we are ended. Throws Fault `context`. */
export function writeBearer(file: string, bearer: string): void {
  const beside = `${file}.new`;
  try {
    rmSync(beside, { force: true });
    writeFileSync(beside, `${bearer}\n`, { flag: 'wx', mode: 0o600 });
    renameSync(beside, file);
  } catch (thrown) {
    throw new Fault('context', `${file} cannot be written: ${messageOf(thrown)}`, thrown);
  }
}

/** Of a script's token, by POP44_TOKEN_FILE, or of the login of this context. Throws Fault `context`. */
export function bearerOf(context: Context, env: Readonly<Record<string, string | undefined>>): string | undefined {
  const tokenFile = env['POP44_TOKEN_FILE'] ?? '';
  if (tokenFile === '') return readBearer(loginFileOf(context));
  const token = readBearer(tokenFile);
  if (token === undefined) throw new Fault('context', `POP44_TOKEN_FILE: ${tokenFile} does not exist`);
  return token;
}

export function removeBearer(file: string): void {
  rmSync(file, { force: true });
}
