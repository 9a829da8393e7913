// Secret input: passwords and codes, from a file, standard input or a prompt without echo; never from argv, which everybody on
// the machine can read.

import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from './io.ts';
import type { Session } from './session.ts';

export interface PasswordOptions {
  readonly passwordFile?: string;
}

export function withPasswordFile(command: Command, what = 'the password'): Command {
  return command.option('--password-file <file>', `${what}, alone in a file; - for standard input; default: asked for`);
}

/** The first line, without its end. Throws UsageError. */
export async function secretFrom({ io }: Session, file: string | undefined, prompt: string): Promise<string> {
  const text = file === undefined ? await io.askSecret(`${prompt}: `) : file === '-' ? await io.stdin() : textOf(file);
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '') throw new UsageError(`${prompt.toLowerCase()} is empty`);
  return line;
}

/** One that is made up now is asked for twice where nobody sees it. */
export async function newPassword(
  session: Session,
  file: string | undefined,
  prompt = 'New password',
): Promise<string> {
  const password = await secretFrom(session, file, prompt);
  if (file === undefined && (await secretFrom(session, undefined, `${prompt}, again`)) !== password)
    throw new UsageError('the two passwords differ; nothing was done');
  return password;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : '';
    throw new UsageError(`${file} cannot be read${code}`);
  }
}

/** Of a code as a mail tells it. Throws UsageError. */
export function secretBytes(code: string): Uint8Array {
  const text = code.trim().replace(/^.*#/, '');
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) throw new UsageError('that is no code: it has 43 letters, digits, - and _');
  return Buffer.from(text, 'base64url');
}

/** A new secret: the bearer that is kept here, and what the daemon is told of it. */
export async function newBearer(): Promise<{ readonly bearer: string; readonly secretHash: Uint8Array }> {
  const { hash, randomBytes } = await import('node:crypto');
  const bytes = randomBytes(32);
  return { bearer: `pop44_${bytes.toString('base64url')}`, secretHash: hash('sha256', bytes, 'buffer') };
}
