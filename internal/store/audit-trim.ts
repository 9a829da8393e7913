// Audit trim: the beginning of a chain goes, its last hash stays: what comes after can be verified against it.

import { create, toBinary } from '@bufbuild/protobuf';
import type { Etcd } from '#internal/etcd/etcd.ts';
import { AuditAnchorSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { auditHash } from './audit.ts';
import { anchorKey, auditPrefix, parseAuditKey } from './keys.ts';

// etcd --max-txn-ops is 128, and the anchor is one of them.
const atOnce = 100;

/** As Store.trimAudit. The anchor first: a crash in between leaves records before it, which the repeat takes away. */
export async function trimAudit(
  etcd: Pick<Etcd, 'get' | 'list' | 'txn'>,
  key: string,
  hash: Uint8Array,
): Promise<number | undefined> {
  const last = parseAuditKey(key);
  if (last === undefined) return undefined;
  const { nodeId, chain, number } = last;
  const { entry } = await etcd.get(key);
  if (entry === undefined || Buffer.compare(auditHash(entry.value), hash) !== 0) return undefined;
  const anchor = {
    key: anchorKey(nodeId, chain),
    value: toBinary(AuditAnchorSchema, create(AuditAnchorSchema, { number, hash })),
  };
  const { entries } = await etcd.list(`${auditPrefix(nodeId)}${chain}/`, { keysOnly: true });
  const gone = entries.map((each) => each.key).filter((each) => each <= key);
  // The record that was named goes with the last of them: until then a repeat finds it.
  for (let at = 0; at < gone.length; at += atOnce) {
    const some = gone.slice(at, at + atOnce).map((each) => ({ op: 'delete', key: each }) as const);
    const { succeeded } = await etcd.txn({
      compares: [{ target: 'mod', key, revision: entry.modRevision }],
      then: [{ op: 'put', ...anchor }, ...some],
    });
    if (!succeeded) return undefined;
  }
  return gone.length;
}
