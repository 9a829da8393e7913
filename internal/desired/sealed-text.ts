// Sealed text: a ciphertext as it stands in a dataplane.

/** Base64. */
export function sealedText(file: Uint8Array): string {
  return btoa(String.fromCharCode(...file));
}
