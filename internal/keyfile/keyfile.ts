// Key files: interconnect keys that a node makes for itself, after the one that its operator made.
//
// On the path: the privileged half makes one when it is told to; of it nothing but the public half is ever told.
// Never: overwrites a file, or takes away the operator's.

import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { madeKeyFile } from '#internal/dataplane/ownership.ts';
import { Fault } from '#internal/errors/errors.ts';
import { newPrivateKey, publicKeyOf } from '#internal/x25519/x25519.ts';

/** By the public key in hex; none where the directory is not there yet. */
function made(base: string): ReadonlyMap<string, string> {
  const head = `${basename(base)}.`;
  const names = existsSync(dirname(base)) ? readdirSync(dirname(base)) : [];
  const own = names.filter((name) => name.startsWith(head) && /^[0-9a-f]{64}$/.test(name.slice(head.length)));
  return new Map(own.map((name) => [name.slice(head.length), join(dirname(base), name)]));
}

/** `base`: directory and beginning of their names. */
export const madeKeyFiles = (base: string): readonly string[] => [...made(base).values()];

/** On the disk before anybody hears of it: the record that names it would else name a key that is lost. */
function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  const directory = openSync(dirname(path), 'r');
  fsyncSync(directory);
  closeSync(directory);
}

/**
 * Milliseconds: a record that names a key of late may not have been seen yet by who asks for another one. The key before
 * stays for as long as no other is made: etcd may be set back to a copy that names it.
 */
const freshMs = 24 * 3600_000;

/**
 * Made ones that may lie here: the current one, the next, and two that were current within a day. Who asks again and again
 * would else fill the disk.
 */
const mostFiles = 4;

/**
 * The file's mode once its key is, or was, a current one: such a key is never a next one again, and a rotation within a
 * day of the one before would else find it.
 */
const usedMode = 0o400;
const isUsed = (path: string): boolean => (statSync(path).mode & 0o777) === usedMode;

/** Writes a key pair to a file of its own, and gives the public key in hex. */
function makePair(base: string): string {
  const privateKey = newPrivateKey();
  const hex = publicKeyOf(privateKey).toString('hex');
  writeDurably(madeKeyFile(base, hex), `${privateKey.toString('base64')}\n`);
  return hex;
}

/**
 * Gives the public key in base64 of a key pair in a file of its own: of one that was made before and never was in `keep`
 * (base64), else of a new one. Of those made more than a day before, only the ones that are in `keep` stay.
 * @throws Fault `interconnect-key` when four are there, all in use within a day
 */
export function makeInterconnectKey(base: string, keep: readonly string[], now: Date): string {
  const kept = new Set(keep.map((key) => Buffer.from(key, 'base64').toString('hex')));
  mkdirSync(dirname(base), { recursive: true, mode: 0o700 });
  for (const [hex, path] of made(base)) {
    if (kept.has(hex)) chmodSync(path, usedMode);
    else if (statSync(path).mtimeMs < now.getTime() - freshMs) rmSync(path, { force: true });
  }
  const files = [...made(base)];
  const [unused] = files.find(([, path]) => !isUsed(path)) ?? [];
  if (unused === undefined && files.length >= mostFiles)
    throw new Fault('interconnect-key', `${files.length} keys were made here within a day; the next one can wait`);
  return Buffer.from(unused ?? makePair(base), 'hex').toString('base64');
}
