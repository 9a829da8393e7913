// Key: a WireGuard key pair, made here. WebCrypto where it has X25519, else a library.

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
/** Of a JWK: base64url without padding. */
const fromUrl = (text: string | undefined): string => `${(text ?? '').replaceAll('-', '+').replaceAll('_', '/')}=`;

export async function makeKey(): Promise<KeyPair> {
  try {
    const made = (await crypto.subtle.generateKey({ name: 'X25519' }, true, ['deriveBits'])) as CryptoKeyPair;
    const { d, x } = await crypto.subtle.exportKey('jwk', made.privateKey);
    return { privateKey: fromUrl(d), publicKey: fromUrl(x) };
  } catch {
    const { x25519 } = await import('@noble/curves/ed25519.js');
    const secret = crypto.getRandomValues(new Uint8Array(32));
    return { privateKey: base64(secret), publicKey: base64(x25519.getPublicKey(secret)) };
  }
}

/** The public half of a private key that somebody has. Undefined: that is none. */
export async function publicKeyOf(privateKey: string): Promise<string | undefined> {
  if (!/^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(privateKey)) return undefined;
  const { x25519 } = await import('@noble/curves/ed25519.js');
  const bytes = Uint8Array.from(atob(privateKey), (character) => character.charCodeAt(0));
  return base64(x25519.getPublicKey(bytes));
}
