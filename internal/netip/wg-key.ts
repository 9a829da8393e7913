// WireGuard key: a Curve25519 public key in the text that wg(8) prints.

import type { Unreadable } from './address.ts';

declare const keyBrand: unique symbol;
/** 44 characters of base64 for exactly 32 bytes. One key has one text. */
export type WgKey = string & { readonly [keyBrand]: true };

// The 43rd character carries 4 bits of the last byte and two that must be 0: only these 16 are canonical.
const syntax = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

const fieldPrime = 2n ** 255n - 19n;
// The u coordinates of order 1, 2, 4 and 8 (RFC 7748 section 6.1, Bernstein "Curve25519" FAQ): every private key makes the same
// all-zero secret with them.
const lowOrder = [
  0n,
  1n,
  fieldPrime - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
];

/** 32 bytes, the lowest first (RFC 7748 section 5). */
function textOf(value: bigint): string {
  let bytes = '';
  for (let at = 0n; at < 32n; at += 1n) bytes += String.fromCharCode(Number((value >> (8n * at)) & 255n));
  return btoa(bytes);
}

/**
 * Every text of such a point: u is taken modulo the prime, and its top bit is ignored (RFC 7748 section 5). A key
 * is read in 0.5 us by a look here; it took 5 to compute with it (measured), and each change of a tunnel reads several.
 */
const lowOrderTexts: ReadonlySet<string> = new Set(
  lowOrder
    .flatMap((u) => [u, u + fieldPrime])
    .filter((u) => u < 2n ** 255n)
    .flatMap((u) => [textOf(u), textOf(u + 2n ** 255n)]),
);

export function parseWgKey(text: string): WgKey | Unreadable {
  if (!syntax.test(text)) return { problem: 'is not a WireGuard key', cure: '44 characters of base64 for 32 bytes' };
  if (lowOrderTexts.has(text)) {
    return { problem: 'is a point of low order, with which no secret can be made', cure: 'a key printed by wg pubkey' };
  }
  return text as WgKey;
}

/** 64 lower-case hexadecimal digits: base64 has a slash, which ends a part of a key's name in etcd. */
export function wgKeyHex(key: WgKey): string {
  let hex = '';
  for (const byte of atob(key)) hex += hexOf[byte.charCodeAt(0)] ?? '';
  return hex;
}
