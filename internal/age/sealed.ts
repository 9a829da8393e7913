// Sealed: whether bytes look like a secret of a known length, as a WireGuard key, that was sealed. Only its recipient can tell what is in it.

import type { Unreadable } from '#internal/netip/netip.ts';
import { mostSealedBytes, readFrame } from './frame.ts';

/** Nonce and Poly1305's tag, around the secret. */
const aroundBytes = 16 + 16;
/** A WireGuard key (whitepaper 5). */
const keyBytes = 32;
const shareBytes = 32;
const wrappedKeyBytes = 16 + 16;

/** @param secretBytes how long the secret is. Undefined: it is one. The answer repeats nothing of it: what is wrongly sent there may be the secret itself. */
export function sealedFault(file: Uint8Array, secretBytes = keyBytes): Unreadable | undefined {
  const cure = `an age file of ${secretBytes} bytes for one X25519 recipient, at most ${mostSealedBytes} bytes`;
  const frame = readFrame(file);
  const problem = (text: string): Unreadable => ({ problem: text, cure });
  if (frame === undefined) return problem(`is no age file of at most ${mostSealedBytes} bytes (it has ${file.length})`);
  const [stanza, ...more] = frame.stanzas;
  if (stanza === undefined || more.length > 0) return problem('is not sealed to exactly one recipient');
  const [kind, share, ...rest] = stanza.args;
  if (kind !== 'X25519' || share?.length !== Math.ceil((shareBytes * 4) / 3) || rest.length > 0) {
    return problem('is not sealed to an X25519 recipient');
  }
  if (stanza.body.length !== wrappedKeyBytes) return problem('has a file key of the wrong length');
  return frame.payload.length === aroundBytes + secretBytes
    ? undefined
    : problem(`holds no secret of exactly ${secretBytes} bytes`);
}
