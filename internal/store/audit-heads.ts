// Audit heads: where the chains of the audit end, and what daemons have signed of that.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Etcd } from '#internal/etcd/etcd.ts';
import {
  type AuditHead,
  AuditHeadSchema,
  type AuditHeads,
  AuditHeadsSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { auditHash } from './audit.ts';
import { auditRecords } from './audit-log.ts';
import { auditKey, auditPrefix, headsPrefix, parseAuditKey } from './keys.ts';

/** Keys of some 100 B; etcd's answer has to stay below 4 MiB. */
const newestRecords = 10_000;
/** etcd --max-txn-ops is 128. */
const atOnce = 100;

/** Where the record stands that was a chain's last. */
export const headKey = ({ nodeId, chain, number }: AuditHead): string => auditKey(nodeId, chain, number);

/** As Store.chainHeads. */
export async function chainHeads(etcd: Pick<Etcd, 'newest' | 'txn'>): Promise<readonly AuditHead[]> {
  // Within a chain what was written later has the higher number.
  const last = new Map<string, string>();
  for (const { key } of await etcd.newest(auditPrefix(), { limit: newestRecords })) {
    const chain = key.slice(0, key.lastIndexOf('/'));
    if (!last.has(chain)) last.set(chain, key);
  }
  const keys = [...last.values()];
  const heads: AuditHead[] = [];
  for (let at = 0; at < keys.length; at += atOnce) {
    for (const { key, value } of await auditRecords(etcd, keys.slice(at, at + atOnce))) {
      const parts = parseAuditKey(key);
      if (parts !== undefined) heads.push(create(AuditHeadSchema, { ...parts, hash: auditHash(value) }));
    }
  }
  return heads;
}

/** As Store.readHeads. */
export async function readHeads(etcd: Pick<Etcd, 'list'>): Promise<ReadonlyMap<string, AuditHeads>> {
  const { entries } = await etcd.list(headsPrefix);
  return new Map(entries.map(({ key, value }) => [key.slice(headsPrefix.length), decoded(value)]));
}

function decoded(value: Uint8Array): AuditHeads {
  try {
    return fromBinary(AuditHeadsSchema, new Uint8Array(value));
  } catch {
    return create(AuditHeadsSchema);
  }
}

/** As Store.writeHeads. */
export async function writeHeads(etcd: Pick<Etcd, 'txn'>, nodeId: string, heads: AuditHeads): Promise<void> {
  const value = toBinary(AuditHeadsSchema, heads);
  await etcd.txn({ compares: [], then: [{ op: 'put', key: `${headsPrefix}${nodeId}`, value }] });
}
