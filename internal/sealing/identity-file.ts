// Identity file: the one place where a node's sealing identity stands, read by the privileged half alone.

import { readFileSync, writeFileSync } from 'node:fs';
import { type AgeIdentity, parseIdentities } from '#internal/age/age.ts';
import { Fault } from '#internal/errors/errors.ts';

/**
 * At least one; the first is whom others seal to, the rest open what was sealed before.
 * @throws Fault `sealing-key` that names the file and nothing of what is in it
 */
export function readIdentityFile(file: string): readonly [AgeIdentity, ...AgeIdentity[]] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Fault('sealing-key', `${file} cannot be read`, cause);
  }
  const [current, ...older] = parseIdentities(text);
  if (current === undefined) throw new Fault('sealing-key', `${file} holds no age identity (AGE-SECRET-KEY-1...)`);
  return [current, ...older];
}

/** For its owner alone; a file that is there already stays, and is a fault: what was sealed to it would be lost. */
export function writeIdentityFile(file: string, identity: AgeIdentity): void {
  try {
    writeFileSync(file, `${identity}\n`, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    throw new Fault('sealing-key', `${file} cannot be written, or exists already; nothing is overwritten`, cause);
  }
}
