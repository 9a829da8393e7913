// Anchors: which CAs to trust. One that is trusted already vouches for the next with its key, and a later one retires it:
// whoever tells of them, a store or a daemon, can change nothing by its own word.

import { createPublicKey, type KeyObject, sign, verify, X509Certificate } from 'node:crypto';
import { certificateHash, certificatesOf } from './certificate.ts';

/** As the records have it (proto/pop44/store/v1, Authority). */
export interface AuthorityRecord {
  readonly id: string;
  /** DER. */
  readonly certificate: Uint8Array;
  readonly vouchedBy: string;
  readonly voucher: Uint8Array;
  readonly retiredAt?: unknown;
  readonly retiredBy: string;
  readonly retirement: Uint8Array;
}

export type Word = 'voucher' | 'retirement';

// Each signature is good for one thing: neither for the other one, nor, with this beginning, for a certificate (RFC 5280
// 4.1.1.3 signs DER, which begins with 0x30).
const signedText = (word: Word, id: string): Buffer => Buffer.from(`pop44 ${word} of a CA, 1\n${id}\n`);

export const authorityId = (certificate: X509Certificate): string => certificateHash(certificate).toString('hex');

/** Nothing else can sign for us (ca.ts). */
const isP256 = (key: KeyObject): boolean =>
  key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1';

export const signWord = (word: Word, id: string, key: KeyObject): Buffer => sign('sha256', signedText(word, id), key);

/** Never throws. */
function saidBy(word: Word, id: string, signature: Uint8Array, by: X509Certificate | undefined): boolean {
  if (by === undefined) return false;
  try {
    return isP256(by.publicKey) && verify('sha256', signedText(word, id), by.publicKey, signature);
  } catch {
    return false;
  }
}

/** What a file of CAs says. */
export interface Held {
  readonly certificates: readonly X509Certificate[];
  /** Ids of those that were retired: a store that is set back to before that brings none of them back. */
  readonly retired: ReadonlySet<string>;
}

export interface Anchors {
  /** Those that were trusted and still are in their order, then those that came. */
  readonly trusted: readonly X509Certificate[];
  /** Sorted. */
  readonly retired: readonly string[];
  /** What the records want and is not done, a line each. Sorted. */
  readonly doubts: readonly string[];
}

const retiredLine = /^# retired ([0-9a-f]{64})$/gm;

/** @throws what node:crypto says of what is no certificate */
export const heldIn = (pem: string): Held => ({
  certificates: certificatesOf(pem),
  retired: new Set(Array.from(pem.matchAll(retiredLine), ([, id = '']) => id)),
});

/** As a file that heldIn reads. What stands between certificates is passed by by OpenSSL and by Go (RFC 7468 2). */
export const anchorsText = ({ trusted, retired }: Pick<Anchors, 'trusted' | 'retired'>): string =>
  [...retired.map((id) => `# retired ${id}\n`), ...trusted.map(String)].join('');

/** A CA for people's eyes: as `pop44 ca list` shows it. */
export const shortId = (id: string): string => id.slice(0, 16);

function certificateOf({ id, certificate }: AuthorityRecord, now: Date): X509Certificate | string {
  try {
    const parsed = new X509Certificate(certificate);
    if (authorityId(parsed) !== id) return 'is not the certificate of its id';
    return problemOfAuthority(parsed, now) ?? parsed;
  } catch {
    return 'is no certificate';
  }
}

/**
 * Whom to trust who trusts `held`. A retirement counts as soon as the CA that says so is trusted, and never for the last
 * one, nor for `own`, the id of the CA that one's own certificate is of. O(CAs squared), and they are a handful.
 */
export function anchors(held: Held, records: readonly AuthorityRecord[], own: string, now: Date): Anchors {
  const retired = new Set(held.retired);
  const trusted = new Map(held.certificates.map((certificate) => [authorityId(certificate), certificate]));
  const doubts: string[] = [];
  let wanted = records.filter(({ id, retiredAt }) => retiredAt === undefined && !trusted.has(id) && !retired.has(id));
  // A node that was away learns a chain of them at once.
  for (let grown = true; grown; ) {
    grown = false;
    for (const record of wanted) {
      if (!saidBy('voucher', record.id, record.voucher, trusted.get(record.vouchedBy))) continue;
      const certificate = certificateOf(record, now);
      if (typeof certificate === 'string') continue;
      trusted.set(record.id, certificate);
      grown = true;
    }
    wanted = wanted.filter(({ id }) => !trusted.has(id));
  }
  for (const record of wanted) {
    const problem = certificateOf(record, now);
    const reason = typeof problem === 'string' ? problem : 'nobody who is trusted has vouched for it';
    doubts.push(`the CA ${shortId(record.id)} of the records is not trusted: ${reason}`);
  }
  for (const { id, retiredAt, retiredBy, retirement } of records) {
    if (retiredAt === undefined) {
      if (retired.has(id)) doubts.push(`the CA ${shortId(id)} of the records is not trusted: it was retired before`);
      continue;
    }
    const said = saidBy('retirement', id, retirement, retiredBy === id ? undefined : trusted.get(retiredBy));
    if (!trusted.has(id)) {
      if (said) retired.add(id);
      continue;
    }
    const hindrance = !said
      ? 'no other CA that is trusted has said so'
      : id === own
        ? 'our own certificate is of it'
        : undefined;
    if (hindrance === undefined) {
      trusted.delete(id);
      retired.add(id);
    } else doubts.push(`the CA ${shortId(id)} was retired and is trusted still: ${hindrance}`);
  }
  return { trusted: [...trusted.values()], retired: [...retired].sort(), doubts: doubts.sort() };
}

/** Why a certificate cannot be a CA of ours now, without its name in front; undefined: it can. */
export function problemOfAuthority(certificate: X509Certificate, now: Date): string | undefined {
  if (!certificate.ca) return 'is not that of a CA (basicConstraints CA:TRUE)';
  if (!isP256(certificate.publicKey)) {
    const { asymmetricKeyType: kind, asymmetricKeyDetails: details } = certificate.publicKey;
    return `has a key of another kind (${kind ?? 'unknown'} ${details?.namedCurve ?? details?.modulusLength ?? ''})`;
  }
  // Its own name over its own key: one that another has signed would be trusted for what that other is.
  if (!certificate.checkIssued(certificate) || !certificate.verify(certificate.publicKey))
    return 'is not signed by itself';
  if (certificate.validToDate <= now) return `ended at ${certificate.validToDate.toISOString()}`;
  if (certificate.validFromDate > now) return `begins at ${certificate.validFromDate.toISOString()}`;
  return undefined;
}

/** The name of whose certificate this is, in DER; undefined where it is none. */
export function subjectOf(der: Uint8Array): string | undefined {
  try {
    return new X509Certificate(der).subject;
  } catch {
    return undefined;
  }
}

/** The certificate of a private key, among these. @throws what node:crypto says of a text that is no key */
export function certificateOfKey(
  keyPem: string,
  certificates: readonly X509Certificate[],
): X509Certificate | undefined {
  const own = createPublicKey(keyPem);
  return certificates.find(({ publicKey }) => publicKey.equals(own));
}
