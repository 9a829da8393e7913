// Check trust: what records of tokens and certificates may say.

import type { Timestamp } from '@bufbuild/protobuf/wkt';
import type { JoinToken, NodeCertificate } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { id, type Problem, time, when } from './check-fields.ts';

/** SHA-256. */
const hashBytes = 32;

const hash = (field: string, value: Uint8Array): Problem =>
  when(value.length !== hashBytes, `${field} is not a hash of 32 bytes`);

const aTime = (field: string, value: Timestamp | undefined): Problem =>
  when(value === undefined, `${field} is missing`) ?? time(field, value);

/** The node within is checked when it is used, by the command that makes a node of it. */
export const joinToken = (record: JoinToken, itsId: string): Problem =>
  when(record.id !== itsId || !/^[0-9a-f]{16}$/.test(itsId), 'id is not the one of the key') ??
  hash('secret_hash', record.secretHash) ??
  (record.node === undefined ? 'node is missing' : id('node.id', record.node.id)) ??
  aTime('created_at', record.createdAt) ??
  aTime('expires_at', record.expiresAt) ??
  time('used_at', record.usedAt);

export const certificate = (record: NodeCertificate, itsId: string): Problem =>
  when(record.nodeId !== itsId, 'node_id is not the one of the key') ??
  id('node_id', record.nodeId) ??
  hash('public_key_hash', record.publicKeyHash) ??
  hash('authority_hash', record.authorityHash) ??
  // RFC 5280 4.1.2.2: at most 20 octets.
  when(!/^[0-9a-f]{2,40}$/.test(record.serial), 'serial is no serial number') ??
  aTime('not_before', record.notBefore) ??
  aTime('not_after', record.notAfter);
