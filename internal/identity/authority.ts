// Authority: the CA in the hands of a daemon that holds its key. The key is a file of that node and nothing else: it is in no
// store, no message and no log.

import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { Fault } from '#internal/errors/errors.ts';
import { authorityId, certificateOfKey, signWord, type Word } from './anchors.ts';
import {
  type Credentials,
  issueWebCertificate,
  type NodeNames,
  signAdminCertificate,
  signNodeCertificate,
} from './ca.ts';
import { certificateHash, certificatesOf } from './certificate.ts';

/**
 * Milliseconds. Renewed after 30 of these 45 days; the alarm is at 14 left, so that it says that renewing has failed for a
 * day and not that its time has come. A stolen key is good for no longer than this even where nobody revokes it.
 */
const usualValidForMs = 45 * 24 * 3600_000;

export interface Authority {
  readonly certificatePem: string;
  /** As OpenSSL's one-line names: what its certificates say as their issuer. */
  readonly subject: string;
  /** SHA-256 of the certificate, and the same in hexadecimal. */
  readonly hash: Buffer;
  readonly id: string;
  /** A certificate as PEM. Ends with the CA's own at the latest. @param spki DER of the key that it is for */
  sign(node: NodeNames, spki: Buffer, now: Date): Promise<string>;
  /** An admin's, as PEM, until a given time, and with the CA's own at the latest. */
  signAdmin(name: string, spki: Buffer, period: { readonly now: Date; readonly endsMs: number }): Promise<string>;
  /** A front's key and certificate, until a given time, and with the CA's own at the latest. */
  issueWeb(name: string, period: { readonly now: Date; readonly endsMs: number }): Promise<Credentials>;
  /** What it says of another CA, by its id. */
  say(word: Word, id: string): Buffer;
}

export interface AuthorityFiles {
  /** One private key or several, one after the other. */
  readonly keyPem: string;
  /** Every CA that is trusted. */
  readonly trustedPem: string | Buffer;
  /** Default: 45 days. */
  readonly validForMs?: number;
}

const keyBlock = /-----BEGIN ([A-Z ]*PRIVATE KEY)-----[^-]+-----END \1-----/g;

/** @throws Fault `authority` when a key is none, or none belongs to a CA that is trusted */
export function openAuthorities({
  keyPem,
  trustedPem,
  validForMs = usualValidForMs,
}: AuthorityFiles): readonly Authority[] {
  const found: Authority[] = [];
  try {
    const trusted = certificatesOf(trustedPem);
    for (const key of keyPem.match(keyBlock) ?? [keyPem]) {
      const certificate = certificateOfKey(key, trusted);
      if (certificate !== undefined) found.push(authorityOf(key, certificate, validForMs));
    }
  } catch (cause) {
    // Without the cause's text: what cannot be parsed may be half of a key.
    throw new Fault('authority', 'the key of the CA is not a private key in PEM', cause);
  }
  if (found.length > 0) return found;
  throw new Fault('authority', "the key of the CA belongs to no certificate in the node's file of CAs");
}

/** The first of them. @throws as openAuthorities */
export function openAuthority(files: AuthorityFiles): Authority {
  const [first] = openAuthorities(files);
  if (first === undefined) throw new Fault('authority', 'no key');
  return first;
}

function authorityOf(privateKeyPem: string, certificate: X509Certificate, validForMs: number): Authority {
  const certificatePem = certificate.toString();
  const ca = { certificatePem, privateKeyPem };
  const endMs = certificate.validToDate.getTime();
  return {
    certificatePem,
    subject: certificate.subject,
    hash: certificateHash(certificate),
    id: authorityId(certificate),
    sign(node, spki, now) {
      const validity = { now, validForMs: Math.min(validForMs, endMs - now.getTime()) };
      return signNodeCertificate(ca, node, validity, new Uint8Array(spki));
    },
    signAdmin(name, spki, { now, endsMs }) {
      const validity = { now, validForMs: Math.min(endsMs, endMs) - now.getTime() };
      return signAdminCertificate(ca, name, validity, new Uint8Array(spki));
    },
    issueWeb(name, { now, endsMs }) {
      const validity = { now, validForMs: Math.min(endsMs, endMs) - now.getTime() };
      return issueWebCertificate(ca, { name, hosts: [], addresses: [] }, validity);
    },
    say: (word, id) => signWord(word, id, createPrivateKey(privateKeyPem)),
  };
}
