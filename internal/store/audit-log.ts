// Audit log: the audit records as they stand in the store, and whether their chains are whole.

import { fromBinary } from '@bufbuild/protobuf';
import type { Etcd } from '#internal/etcd/etcd.ts';
import { type Audit, AuditSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { auditHash } from './audit.ts';
import { auditKey, auditPrefix } from './keys.ts';

export interface AuditRecord {
  readonly key: string;
  readonly value: Uint8Array;
  /** Of the transaction that wrote it. */
  readonly revision: bigint;
}

export interface AuditProblem {
  readonly key: string;
  readonly problem: string;
}

/** Chain after chain, each in the order of its numbers. Costs the memory of one chain. */
export async function* readAudit(etcd: Pick<Etcd, 'list'>, nodeId?: string): AsyncGenerator<AuditRecord> {
  const names = await etcd.list(auditPrefix(nodeId), { keysOnly: true });
  const chains = new Set(names.entries.map(({ key }) => chainOf(key)));
  for (const chain of chains) {
    const { entries } = await etcd.list(chain);
    for (const { key, value, modRevision } of entries) yield { key, value, revision: modRevision };
  }
}

const chainOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1);

/**
 * What is wrong with them: a gap, a record that was changed, moved or written later than the one after it. Of a chain
 * that was cut off at its end nothing can be said: only the daemon that writes it knows where it ends.
 * @param records in the order of readAudit
 */
export function auditProblems(records: Iterable<AuditRecord>): readonly AuditProblem[] {
  const problems: AuditProblem[] = [];
  let before: AuditRecord | undefined;
  let number = 0n;
  for (const record of records) {
    if (before === undefined || chainOf(before.key) !== chainOf(record.key)) {
      before = undefined;
      number = 0n;
    }
    number += 1n;
    const audit = decodeAudit(record.value);
    const problem = audit === undefined ? 'is no audit record' : linkProblem(record, audit, number, before);
    if (problem !== undefined) problems.push({ key: record.key, problem });
    if (audit !== undefined) number = audit.number;
    before = record;
  }
  return problems;
}

function linkProblem(
  { key, revision }: AuditRecord,
  audit: Audit,
  number: bigint,
  before: AuditRecord | undefined,
): string | undefined {
  if (auditKey(audit.nodeId, audit.chain, audit.number) !== key) return 'stands under the key of another';
  if (audit.number !== number) return `follows number ${number - 1n}`;
  if (before !== undefined && revision <= before.revision) return 'is older than the record before it';
  const hash = before === undefined ? new Uint8Array() : auditHash(before.value);
  return Buffer.compare(audit.previousHash, hash) === 0 ? undefined : 'does not name the hash of the record before it';
}

/** Undefined: these bytes are no audit record. */
export function decodeAudit(value: Uint8Array): Audit | undefined {
  try {
    return fromBinary(AuditSchema, new Uint8Array(value));
  } catch {
    return undefined;
  }
}
