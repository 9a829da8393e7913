// X25519: WireGuard's and age's key pairs as their 32 bytes, and as Node's crypto wants them.
//
// On the path: who makes, reads, seals to or calls with such a key comes here for its other half or its object.
// Never: reads or writes a file, or judges a public key (netip/wg-key.ts does).

import { createPrivateKey, createPublicKey, type KeyObject, randomBytes } from 'node:crypto';

/** Of either half. */
export const keyBytes = 32;

// RFC 8410 7 and 4: what stands before the 32 bytes of a key in its PrivateKeyInfo and its SubjectPublicKeyInfo.
const pkcs8Head = Buffer.from('302e020100300506032b656e04220420', 'hex');
const spkiHead = Buffer.from('302a300506032b656e032100', 'hex');

/** @throws RangeError, which does not repeat them, when these are not 32 bytes */
function mustBeKey(bytes: Uint8Array): void {
  // OpenSSL would take what follows the 32 for nothing.
  if (bytes.length !== keyBytes) throw new RangeError(`an X25519 key has ${keyBytes} bytes, not ${bytes.length}`);
}

export function privateObject(bytes: Uint8Array): KeyObject {
  mustBeKey(bytes);
  return createPrivateKey({ key: Buffer.concat([pkcs8Head, bytes]), format: 'der', type: 'pkcs8' });
}

export function publicObject(bytes: Uint8Array): KeyObject {
  mustBeKey(bytes);
  return createPublicKey({ key: Buffer.concat([spkiHead, bytes]), format: 'der', type: 'spki' });
}

/** The public half's 32 bytes, of the object of either half. */
export function publicBytes(key: KeyObject): Buffer {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ format: 'der', type: 'spki' }).subarray(-keyBytes);
}

/** The public half, of the 32 bytes of the private one. About 0.1 ms. */
export const publicKeyOf = (privateKey: Uint8Array): Buffer => publicBytes(privateObject(privateKey));

/** As `wg genkey` makes one: clamped (RFC 7748 5), so that every tool shows the same text for it. */
export function newPrivateKey(): Buffer {
  const bytes = randomBytes(keyBytes);
  bytes[0] = (bytes[0] ?? 0) & 248;
  bytes[31] = ((bytes[31] ?? 0) & 127) | 64;
  return bytes;
}
