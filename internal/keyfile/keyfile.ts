// Key files: interconnect keys that a node makes for itself, beside the one that its operator made.
//
// On the path: the privileged half makes one when it is told to; of it nothing but the public half is ever told.
// Never: overwrites a file, or takes away the operator's.

import { generateKeyPairSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { madeKeyFile } from '#internal/dataplane/ownership.ts';

/** Files of keys that were made beside `file`, by the public key in hex. */
function made(file: string): ReadonlyMap<string, string> {
  const head = `${basename(file)}.`;
  const names = readdirSync(dirname(file)).filter(
    (name) => name.startsWith(head) && /^[0-9a-f]{64}$/.test(name.slice(head.length)),
  );
  return new Map(names.map((name) => [name.slice(head.length), join(dirname(file), name)]));
}

/** The operator's and all that were made. */
export const interconnectKeyFiles = (file: string): readonly string[] => [file, ...made(file).values()];

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
 * Makes a key pair in a file of its own, and gives the public key in base64. Of those made more
 * than a day before, only the ones that are in `keep` (base64) stay.
 */
export function makeInterconnectKey(file: string, keep: readonly string[], now: Date): string {
  const { d = '', x = '' } = generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' });
  const kept = new Set(keep.map((key) => Buffer.from(key, 'base64').toString('hex')));
  for (const [hex, path] of made(file))
    if (!kept.has(hex) && statSync(path).mtimeMs < now.getTime() - freshMs) rmSync(path, { force: true });
  const publicKey = Buffer.from(x, 'base64url');
  writeDurably(madeKeyFile(file, publicKey.toString('hex')), `${Buffer.from(d, 'base64url').toString('base64')}\n`);
  return publicKey.toString('base64');
}
