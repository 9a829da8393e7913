// Keys as text, and the ends of prefixes.

/**
 * A key's bytes as text, one character a byte (latin1), so that every key, even one of random bytes, has exactly one
 * spelling and ASCII stays what it is.
 */
export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

export function keyBytes(key: string): Buffer {
  return Buffer.from(key, 'latin1');
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/**
 * The first key after all keys that begin with `prefix`. It matches by bytes: `pop/1` covers `pop/10`, so a prefix
 * that means a folder ends with its slash.
 */
export function prefixEnd(prefix: string): string {
  for (let at = prefix.length - 1; at >= 0; at--) {
    const byte = prefix.charCodeAt(at);
    if (byte < 0xff) return prefix.slice(0, at) + String.fromCharCode(byte + 1);
  }
  return '\0'; // etcd: all keys from here on
}

/** The first key after `key`: a page goes on there. */
export function keyAfter(key: string): string {
  return `${key}\0`;
}
