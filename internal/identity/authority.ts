// Authority: the CA in the hands of a daemon that holds its key. The key is a file of that node and nothing else: it is in no
// store, no message and no log.

import { createPrivateKey, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { Fault } from '#internal/errors/errors.ts';
import { type NodeNames, signNodeCertificate } from './ca.ts';
import { certificateHash, certificatesOf } from './certificate.ts';

/**
 * Milliseconds. Renewed after 30 of these 45 days; the alarm is at 14 left, so that it says that renewing has failed for a
 * day and not that its time has come. A stolen key is good for no longer than this even where nobody revokes it.
 */
const usualValidForMs = 45 * 24 * 3600_000;

export interface Authority {
  readonly certificatePem: string;
  /** SHA-256 of the certificate. */
  readonly hash: Buffer;
  /** A certificate as PEM. Ends with the CA's own at the latest. @param spki DER of the key that it is for */
  sign(node: NodeNames, spki: Buffer, now: Date): Promise<string>;
}

export interface AuthorityFiles {
  readonly keyPem: string;
  /** Every CA that is trusted; the one whose key it is signs. */
  readonly trustedPem: string | Buffer;
  /** Default: 45 days. */
  readonly validForMs?: number;
}

const sameKey = (a: KeyObject, b: KeyObject): boolean => a.equals(b);

/** @throws Fault `authority` when the key is none, or that of no CA that is trusted */
export function openAuthority({ keyPem, trustedPem, validForMs = usualValidForMs }: AuthorityFiles): Authority {
  let certificate: X509Certificate | undefined;
  try {
    const own = createPublicKey(createPrivateKey(keyPem));
    certificate = certificatesOf(trustedPem).find(({ publicKey }) => sameKey(publicKey, own));
  } catch (cause) {
    // Without the cause's text: what cannot be parsed may be half of a key.
    throw new Fault('authority', 'the key of the CA is not a private key in PEM', cause);
  }
  if (certificate === undefined) {
    throw new Fault('authority', "the key of the CA belongs to no certificate in the node's file of CAs");
  }
  const certificatePem = certificate.toString();
  const ends = certificate.validToDate.getTime();
  return {
    certificatePem,
    hash: certificateHash(certificate),
    sign(node, spki, now) {
      const validity = { now, validForMs: Math.min(validForMs, ends - now.getTime()) };
      return signNodeCertificate({ certificatePem, privateKeyPem: keyPem }, node, validity, new Uint8Array(spki));
    },
  };
}
