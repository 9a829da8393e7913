// WireGuard key: a Curve25519 public key in the text that wg(8) prints.

import type { Unreadable } from './address.ts';

declare const keyBrand: unique symbol;
/** 44 characters of base64 for exactly 32 bytes. One key has one text. */
export type WgKey = string & { readonly [keyBrand]: true };

// The 43rd character carries 4 bits of the last byte and two that must be 0: only these 16 are canonical.
const syntax = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const fieldPrime = 2n ** 255n - 19n;
// The u coordinates of order 1, 2, 4 and 8 (RFC 7748 section 6.1, Bernstein "Curve25519" FAQ): every private key makes the same
// all-zero secret with them. Each but the two long ones has a second spelling below 2^255, hence the modulus below.
const lowOrder: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  fieldPrime - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
]);

export function parseWgKey(text: string): WgKey | Unreadable {
  if (!syntax.test(text)) return { problem: 'is not a WireGuard key', cure: '44 characters of base64 for 32 bytes' };
  const key = text as WgKey;
  const bigEndian = (wgKeyHex(key).match(/../g) ?? []).reverse().join('');
  // RFC 7748 section 5: the top bit of u is ignored.
  const u = BigInt.asUintN(255, BigInt(`0x${bigEndian}`)) % fieldPrime;
  if (lowOrder.has(u)) {
    return { problem: 'is a point of low order, with which no secret can be made', cure: 'a key printed by wg pubkey' };
  }
  return key;
}

/** 64 lower-case hexadecimal digits: base64 has a slash, which ends a part of a key's name in etcd. */
export function wgKeyHex(key: WgKey): string {
  let hex = '';
  for (const byte of atob(key)) hex += byte.charCodeAt(0).toString(16).padStart(2, '0');
  return hex;
}
