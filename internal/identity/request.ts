// Request: how a machine asks for a certificate of a key that it made and that never leaves it (RFC 2986).

import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { algorithm, keyPem, library, newKeys } from './ca.ts';

/** Bytes; one of ours has about 300. */
const longestRequest = 2_048;

export interface OwnRequest {
  readonly privateKeyPem: string;
  readonly der: Buffer;
}

/** @param privateKeyPem a key that was made before; default: a new one */
export async function createRequest(nodeId: string, privateKeyPem?: string): Promise<OwnRequest> {
  const x509 = await library();
  const keys = privateKeyPem === undefined ? await newKeys() : await keysOf(privateKeyPem);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [`${nodeId}.node.pop44`] }],
    keys,
    signingAlgorithm: algorithm,
  });
  const pem = privateKeyPem ?? (await keyPem(keys.privateKey));
  return { privateKeyPem: pem, der: Buffer.from(request.rawData) };
}

/** A new key and what asks a public CA for a certificate of it, for these DNS names (RFC 8555 7.4). */
export async function createServerRequest(names: readonly string[]): Promise<OwnRequest> {
  const x509 = await library();
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: 'dns', value })))],
  });
  return { privateKeyPem: await keyPem(keys.privateKey), der: Buffer.from(request.rawData) };
}

/** @throws what node:crypto says of a text that is no P-256 key */
async function keysOf(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const [pkcs8, spki] = [
    createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' }),
    createPublicKey(pem).export({ format: 'der', type: 'spki' }),
  ].map((der) => new Uint8Array(der)) as [Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>];
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
}

export interface BadRequest {
  readonly problem: string;
  readonly cure: string;
}

/**
 * The public key of a request that its private key has signed, as DER. Nothing else of it counts: the names are those of
 * the node that the token is for. Never throws.
 */
export async function readRequest(der: Uint8Array): Promise<Buffer | BadRequest> {
  const cure = 'a request of RFC 2986 in DER for a P-256 key, as pop44d join makes it';
  if (der.length > longestRequest)
    return { problem: `has ${der.length} bytes, at most ${longestRequest} are read`, cure };
  const x509 = await library();
  try {
    const request = new x509.Pkcs10CertificateRequest(new Uint8Array(der));
    const spki = Buffer.from(request.publicKey.rawData);
    const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return { problem: 'is of another kind of key', cure };
    if (!(await request.verify(webcrypto))) return { problem: 'is not signed by its own key', cure };
    return spki;
  } catch {
    return { problem: 'is no certificate request', cure };
  }
}
