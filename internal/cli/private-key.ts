// Private key: made here, kept in one file, sent nowhere. A pre-shared key stands beside it and is sent sealed.

import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { Fault } from '#internal/errors/errors.ts';
import { keyBytes, newPrivateKey, publicKeyOf } from '#internal/x25519/x25519.ts';
import { UsageError } from './io.ts';

export interface KeyPair {
  /** 44 characters of base64 each. */
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Of the 32 bytes of a private key. */
export function keyPairOf(privateKey: Buffer): KeyPair {
  return { privateKey: privateKey.toString('base64'), publicKey: publicKeyOf(privateKey).toString('base64') };
}

/** As `wg genkey` and `wg pubkey` make one. */
export const newKeyPair = (): KeyPair => keyPairOf(newPrivateKey());

/**
 * Of a file that holds the key alone (as `wg genkey` prints it) or a client's file. Undefined when there is no such file.
 * Throws a UsageError that does not repeat what it holds.
 */
export function readKeyPair(file: string): KeyPair | undefined {
  const text = textOf(file);
  if (text === undefined) return undefined;
  const privateKey = named('private', text) ?? text.trim();
  const bytes = Buffer.from(privateKey, 'base64');
  if (bytes.length !== keyBytes || bytes.toString('base64') !== privateKey) {
    throw new UsageError(`${file} holds no WireGuard private key`);
  }
  return keyPairOf(bytes);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (thrown) {
    if (hasCode(thrown, 'ENOENT')) return undefined;
    throw new UsageError(`${file} cannot be read${codeOf(thrown)}`);
  }
}

/** As `wg genpsk` makes one. */
export function newPresharedKey(): string {
  return randomBytes(keyBytes).toString('base64');
}

/** Of a client's file of any format; undefined when it has none. */
export function readPresharedKey(file: string): string | undefined {
  return named('preshared', textOf(file) ?? '');
}

/** As every format of client files calls it: `PrivateKey = K`, `private-key=K`, `.private_key='K'`, ` private-key="K"`. */
function named(which: 'private' | 'preshared', text: string): string | undefined {
  return new RegExp(`(?:^|[ .])${which}[-_]?key\\s*=\\s*["']?([^\\s"']+)["']?(?:\\s|$)`, 'im').exec(text)?.[1];
}

/** Written at once and for its owner alone; a file that is there already is a UsageError and stays as it is. */
export function writeNewSecret(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
  } catch (thrown) {
    if (hasCode(thrown, 'EEXIST')) throw new UsageError(`${file} exists already; nothing is overwritten`);
    throw new Fault('file', `${file} cannot be written${codeOf(thrown)}`, thrown);
  }
}

/** What a client's file is until a daemon has said the rest: its secrets alone, in the words that they are read by. */
export function unfinishedFile(keys: { readonly privateKey?: string; readonly presharedKey?: string }): string {
  const { privateKey, presharedKey } = keys;
  const shared = presharedKey === undefined ? '' : `[Peer]\nPresharedKey = ${presharedKey}\n`;
  return `# pop44: not finished\n[Interface]\nPrivateKey = ${privateKey}\n${shared}`;
}

/** The old text or the new one is there, whenever we are ended. */
export function replaceSecret(file: string, text: string): void {
  const beside = `${file}.new`;
  writeNewSecret(beside, text);
  renameSync(beside, file);
}

export function removeSecret(file: string): void {
  rmSync(file, { force: true });
}

const hasCode = (thrown: unknown, code: string): boolean =>
  thrown instanceof Error && 'code' in thrown && thrown.code === code;
const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && 'code' in thrown ? ` (${String(thrown.code)})` : '';
