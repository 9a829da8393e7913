// Key file: the private key of a link, from one of the files that this node has for it.
//
// Which file it is comes over a socket from the half that faces the network: this half must neither read what that one may
// not, nor what never ends.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { demand, isKey } from '#internal/driver/driver.ts';
import { Fault } from '#internal/errors/errors.ts';

/** A key in base64 has 44 characters (32 bytes), and there may be white space around it. */
const mostBytes = 64;

export interface KeyFiles {
  /** Those that the node's own configuration names. */
  readonly named: ReadonlySet<string>;
  /** What the names of made ones begin with, before a dot and the public key in hex (dataplane/ownership.ts). */
  readonly madeBase?: string;
}

/** Curve25519 ignores these bits and wireguard-go clears them (RFC 7748 5), so that a file may differ in them. */
export function clamped(privateKey: string): string {
  const bytes = Buffer.from(privateKey, 'base64');
  bytes[0] = (bytes[0] ?? 0) & 0xf8;
  bytes[31] = ((bytes[31] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('base64');
}

/** @throws Fault `invalid` */
export function checkKeyFile({ named, madeBase }: KeyFiles, file: string): void {
  const head = madeBase === undefined ? undefined : `${madeBase}.`;
  const isMade = head !== undefined && file.startsWith(head) && /^[0-9a-f]{64}$/.test(file.slice(head.length));
  demand(named.has(file) || isMade, 'a key file of this node', file);
}

/** At most the first 64 bytes of a regular file. @throws Fault `invalid`, and what open(2) throws */
async function textOf(file: string): Promise<string> {
  // Without O_NONBLOCK the open of a pipe waits for its writer. An operator's link to where the secrets are is followed.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await handle.stat()).isFile()) throw new Fault('invalid', `${file} is no regular file`);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(mostBytes), 0, mostBytes, 0);
    return buffer.toString('utf8', 0, bytesRead).trim();
  } finally {
    await handle.close();
  }
}

/** The key in base64 as a device holds it. @throws Fault `invalid`, and what open(2) throws */
export async function privateKeyIn(file: string): Promise<string> {
  const text = await textOf(file);
  if (!isKey(text)) throw new Fault('invalid', `${file} holds no WireGuard key`);
  return clamped(text);
}
