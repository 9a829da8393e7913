// Account key: who somebody is to an ACME server. An ECDSA P-256 key made of a secret, so that everybody who holds the
// secret holds the same account, and nobody has to hand the key around.

import { createECDH, createHash, createPrivateKey, hkdfSync, sign } from 'node:crypto';

export interface AccountKey {
  /** The public half (RFC 7517), its members in the order that a thumbprint wants. */
  readonly jwk: { readonly crv: string; readonly kty: string; readonly x: string; readonly y: string };
  /** SHA-256 of the public half in base64url (RFC 7638): what an answer to a challenge ends with. */
  readonly thumbprint: string;
  /** ES256 (RFC 7518 3.4): 64 bytes in base64url. */
  sign(text: string): string;
}

/** The number of points of P-256 (SEC 2, 2.4.2). */
const points = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
/** 64 bits more than the key has: what the remainder prefers is then beyond notice (FIPS 186-5, A.2.1). */
const seedBytes = 40;
const keyBytes = 32;

/** @param secret at least 32 random bytes */
export function accountKeyOf(secret: Uint8Array): AccountKey {
  const seed = Buffer.from(hkdfSync('sha256', secret, '', 'pop44 acme account', seedBytes));
  const scalar = (BigInt(`0x${seed.toString('hex')}`) % (points - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(2 * keyBytes, '0'), 'hex');
  const pair = createECDH('prime256v1');
  pair.setPrivateKey(d);
  // 04, x, y (SEC 1, 2.3.3).
  const point = pair.getPublicKey();
  const x = point.subarray(1, 1 + keyBytes).toString('base64url');
  const y = point.subarray(1 + keyBytes).toString('base64url');
  const jwk = { crv: 'P-256', kty: 'EC', x, y };
  const key = createPrivateKey({ key: { ...jwk, d: d.toString('base64url') }, format: 'jwk' });
  return {
    jwk,
    thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url'),
    sign: (text) => sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url'),
  };
}

/**
 * What a request to an ACME server is (RFC 8555 6.2), as JSON.
 * @param payload undefined: nothing, which makes it a question (POST-as-GET)
 * @param account its URL; undefined before there is one
 */
export function signedRequest(
  key: AccountKey,
  head: { readonly url: string; readonly nonce: string; readonly account: string | undefined },
  payload: object | undefined,
): string {
  const { account, ...rest } = head;
  const who = account === undefined ? { jwk: key.jwk } : { kid: account };
  const encoded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const parts = {
    protected: encoded({ alg: 'ES256', ...rest, ...who }),
    payload: payload === undefined ? '' : encoded(payload),
  };
  return JSON.stringify({ ...parts, signature: key.sign(`${parts.protected}.${parts.payload}`) });
}
