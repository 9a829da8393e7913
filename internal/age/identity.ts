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

/** The first line of an identity file that is no comment (age-keygen(1) writes two comments above); undefined: none. */
export function parseIdentity(file: string): AgeIdentity | undefined {
  const line = file
    .split('\n')
    .map((text) => text.trim())
    .find((text) => text !== '' && !text.startsWith('#'));
  if (line === undefined || line !== line.toUpperCase()) return undefined;
  return decodeBech32(prefix, line.toLowerCase())?.length === keyBytes ? (line as AgeIdentity) : undefined;
}

export function identityBytes(identity: AgeIdentity): Uint8Array {
  return decodeBech32(prefix, identity.toLowerCase()) ?? new Uint8Array();
}
