// Recipient: a Curve25519 public key in age's text, which bears a checksum.

import { parseWgKey, type Unreadable } from '#internal/netip/netip.ts';
import { decodeBech32, encodeBech32 } from './bech32.ts';

declare const recipientBrand: unique symbol;
/** `age1` and 58 characters. One key has one text. */
export type AgeRecipient = string & { readonly [recipientBrand]: true };

const prefix = 'age';
const keyBytes = 32;

/** Refuses what is no X25519 recipient, and points of low order: whatever was sealed to them anybody could open. */
export function parseRecipient(text: string): AgeRecipient | Unreadable {
  const bytes = decodeBech32(prefix, text);
  if (bytes?.length !== keyBytes) {
    return { problem: 'is not an age recipient', cure: 'age1 and 58 characters, as printed by pop44d sealing-key' };
  }
  const point = parseWgKey(btoa(String.fromCharCode(...bytes)));
  return typeof point === 'string' ? (text as AgeRecipient) : { ...point, cure: 'one printed by pop44d sealing-key' };
}

export function recipientText(publicKey: Uint8Array): AgeRecipient {
  return encodeBech32(prefix, publicKey) as AgeRecipient;
}

export function recipientBytes(recipient: AgeRecipient): Uint8Array {
  return decodeBech32(prefix, recipient) ?? new Uint8Array();
}
