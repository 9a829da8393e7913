// Check trust: what records of tokens and certificates may say.

import type { Authority, JoinToken, NodeCertificate } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { id, type Problem, time, timeThere, when } from './check-fields.ts';

/** SHA-256. */
const hashBytes = 32;

const hash = (field: string, value: Uint8Array): Problem =>
  when(value.length !== hashBytes, `${field} is not a hash of 32 bytes`);

/** The node within is checked when it is used, by the command that makes a node of it. */
export const joinToken = (record: JoinToken, itsId: string): Problem =>
  when(record.id !== itsId || !/^[0-9a-f]{16}$/.test(itsId), 'id is not the one of the key') ??
  hash('secret_hash', record.secretHash) ??
  (record.node === undefined ? 'node is missing' : id('node.id', record.node.id)) ??
  timeThere('created_at', record.createdAt) ??
  timeThere('expires_at', record.expiresAt) ??
  time('used_at', record.usedAt);

export const certificate = (record: NodeCertificate, itsId: string): Problem =>
  when(record.nodeId !== itsId, 'node_id is not the one of the key') ??
  id('node_id', record.nodeId) ??
  hash('public_key_hash', record.publicKeyHash) ??
  hash('authority_hash', record.authorityHash) ??
  // RFC 5280 4.1.2.2: at most 20 octets.
  when(!/^[0-9a-f]{2,40}$/.test(record.serial), 'serial is no serial number') ??
  timeThere('not_before', record.notBefore) ??
  timeThere('not_after', record.notAfter);

const authorityId = (field: string, value: string): Problem =>
  when(!/^[0-9a-f]{64}$/.test(value), `${field} is not the hash of a CA`);

/** Of DER; a P-256 certificate of ours has 450. */
const longestCertificate = 8_192;
/** ECDSA P-256 in DER (RFC 3279 2.2.3). */
const longestSignature = 72;

const word = (by: string, bySays: string, signature: Uint8Array, says: string): Problem =>
  (by === '' ? undefined : authorityId(bySays, by)) ??
  when((by === '') !== (signature.length === 0) || signature.length > longestSignature, `${says} is no signature`);

/** Whether it is a certificate, and who has signed what, is looked at by whoever is to trust it. */
export const authority = (record: Authority, itsId: string): Problem =>
  when(record.id !== itsId, 'id is not the one of the key') ??
  authorityId('id', record.id) ??
  when(
    record.certificate.length === 0 || record.certificate.length > longestCertificate,
    'certificate is no certificate',
  ) ??
  word(record.vouchedBy, 'vouched_by', record.voucher, 'voucher') ??
  word(record.retiredBy, 'retired_by', record.retirement, 'retirement') ??
  timeThere('added_at', record.addedAt) ??
  time('signs_since', record.signsSince) ??
  time('retired_at', record.retiredAt);
