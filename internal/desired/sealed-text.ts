// Sealed text: a ciphertext as it stands in a dataplane.

import { mostSealedBytes } from '#internal/age/age.ts';

/** Base64; undefined when there is none, or one that only a hand can have written: too long for what it should hold. */
export function sealedText(file: Uint8Array | undefined): string | undefined {
  if (file === undefined || file.length === 0 || file.length > mostSealedBytes) return undefined;
  return btoa(String.fromCharCode(...file));
}
