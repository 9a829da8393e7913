// Identity file: the one place where a node's sealing identity stands, read by the privileged half alone.

import {
  closeSync,
  fchownSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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

/** In place of the old one whole or not at all, its owner's as before. */
function replaceIdentityFile(file: string, text: string): void {
  const beside = `${file}.new`;
  const { uid, gid } = statSync(file);
  // What an earlier try left.
  rmSync(beside, { force: true });
  const handle = openSync(beside, 'wx', 0o600);
  try {
    writeFileSync(handle, text);
    fchownSync(handle, uid, gid);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(beside, file);
}

/** The identity becomes the newest of those in the file; older ones open what was sealed before. @throws Fault `sealing-key` */
export function addIdentity(file: string, identity: AgeIdentity): void {
  replaceIdentityFile(file, `${[identity, ...readIdentityFile(file)].join('\n')}\n`);
}

/** Only the newest stays: what was sealed to others is lost to this node. Gives how many went. @throws Fault `sealing-key` */
export function forgetOlderIdentities(file: string): number {
  const [newest, ...older] = readIdentityFile(file);
  if (older.length > 0) replaceIdentityFile(file, `${newest}\n`);
  return older.length;
}
