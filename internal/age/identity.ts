// Identity: a Curve25519 private key in age's text. A secret: its text and its bytes are never shown, not even cut.

import { decodeBech32, encodeBech32 } from './bech32.ts';

declare const identityBrand: unique symbol;
/** `AGE-SECRET-KEY-1` and 58 characters. */
export type AgeIdentity = string & { readonly [identityBrand]: true };

const prefix = 'age-secret-key-';
const keyBytes = 32;

export function identityText(privateKey: Uint8Array): AgeIdentity {
  return encodeBech32(prefix, privateKey).toUpperCase() as AgeIdentity;
}

const isIdentity = (line: string): line is AgeIdentity =>
  line === line.toUpperCase() && decodeBech32(prefix, line.toLowerCase())?.length === keyBytes;

/** The lines of an identity file that are no comments, as age(1) reads them; none when one of them is no identity. */
export function parseIdentities(file: string): readonly AgeIdentity[] {
  const lines = file
    .split('\n')
    .map((text) => text.trim())
    .filter((text) => text !== '' && !text.startsWith('#'));
  return lines.every(isIdentity) ? lines : [];
}
export function identityBytes(identity: AgeIdentity): Uint8Array {
  return decodeBech32(prefix, identity.toLowerCase()) ?? new Uint8Array();
}
