// Certificate: what is read out of one.

import { createHash, X509Certificate } from 'node:crypto';
import { library } from './ca.ts';

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

export interface CertificateFacts {
  /** SHA-256 of its SubjectPublicKeyInfo. */
  readonly publicKeyHash: Buffer;
  /** Lower-case hexadecimal digits. */
  readonly serial: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** @throws what node:crypto says of bytes that are no certificate */
export function certificateFacts(pem: string | Buffer): CertificateFacts {
  const certificate = new X509Certificate(pem);
  return {
    publicKeyHash: sha256(certificate.publicKey.export({ type: 'spki', format: 'der' })),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
  };
}

/** SHA-256 of the certificate itself: what a token pins. */
export const certificateHash = (certificate: X509Certificate): Buffer => sha256(certificate.raw);

/** What it calls its CA's key (RFC 5280 4.2.1.1); undefined: it does not say. */
export async function issuerKeyId(certificate: X509Certificate): Promise<Buffer | undefined> {
  const x509 = await library();
  const parsed = new x509.X509Certificate(new Uint8Array(certificate.raw));
  const { keyId } = parsed.getExtension(x509.AuthorityKeyIdentifierExtension) ?? {};
  return keyId === undefined ? undefined : Buffer.from(keyId, 'hex');
}

const pemBlock = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a file that may hold several. @throws as certificateFacts */
export function certificatesOf(pem: string | Buffer): readonly X509Certificate[] {
  return (pem.toString().match(pemBlock) ?? []).map((block) => new X509Certificate(block));
}

/**
 * From when on a certificate is renewed: two thirds of its life are over, and as much as a working network needs to try
 * again and again is left.
 */
export function renewableFrom({ notBefore, notAfter }: Pick<CertificateFacts, 'notBefore' | 'notAfter'>): Date {
  return new Date(notAfter.getTime() - (notAfter.getTime() - notBefore.getTime()) / 3);
}

// Of 45 days (authority.ts) 14: a day after the renewal that did not come about. A CA lives longer, and 14 days are
// enough for a person to come back from a holiday to it.
const longestWarningMs = 14 * 24 * 3600_000;
const warningShare = 14 / 45;

/** From when on a person has to hear of it. */
export function alarmingFrom({ notBefore, notAfter }: Pick<CertificateFacts, 'notBefore' | 'notAfter'>): Date {
  const lifeMs = notAfter.getTime() - notBefore.getTime();
  return new Date(notAfter.getTime() - Math.min(longestWarningMs, lifeMs * warningShare));
}
