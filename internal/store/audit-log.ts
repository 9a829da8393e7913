// Audit log: the audit records as they stand in the store, and whether their chains are whole.

import { fromBinary } from '@bufbuild/protobuf';
import type { Etcd } from '#internal/etcd/etcd.ts';
import {
  type Audit,
  type AuditAnchor,
  AuditAnchorSchema,
  AuditSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { auditHash } from './audit.ts';
import { anchorsPrefix, auditKey, auditPrefix } from './keys.ts';

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

/** As Store.auditRecords. */
export async function auditRecords(etcd: Pick<Etcd, 'txn'>, keys: readonly string[]): Promise<readonly AuditRecord[]> {
  if (keys.length === 0) return [];
  const { found } = await etcd.txn({ compares: [], then: keys.map((key) => ({ op: 'get', key })) });
  return found
    .flatMap((entry) => entry ?? [])
    .map(({ key, value, modRevision: revision }) => ({ key, value, revision }));
}

const chainOf = (key: string): string => key.slice(0, key.lastIndexOf('/') + 1);

/**
 * What is wrong with them: a gap, a record that was changed, moved or written later than the one after it. Of a chain
 * that was cut off at its end nothing can be said: only the daemon that writes it knows where it ends.
 * @param records in the order of readAudit
 * @param anchors of chains whose beginning was exported and taken away (readAnchors)
 */
export function auditProblems(
  records: Iterable<AuditRecord>,
  anchors: ReadonlyMap<string, AuditAnchor> = new Map(),
): readonly AuditProblem[] {
  const problems: AuditProblem[] = [];
  let before: AuditRecord | undefined;
  let anchor: AuditAnchor | undefined;
  let number = 0n;
  for (const record of records) {
    if (before === undefined || chainOf(before.key) !== chainOf(record.key)) {
      before = undefined;
      anchor = anchors.get(chainOf(record.key));
      number = anchor?.number ?? 0n;
    }
    number += 1n;
    const audit = decodeAudit(record.value);
    const problem = audit === undefined ? 'is no audit record' : linkProblem(record, { audit, number, before, anchor });
    if (problem !== undefined) problems.push({ key: record.key, problem });
    if (audit !== undefined) number = audit.number;
    before = record;
  }
  return problems;
}

interface Around {
  readonly audit: Audit;
  readonly number: bigint;
  readonly before: AuditRecord | undefined;
  readonly anchor: AuditAnchor | undefined;
}

function linkProblem({ key, revision }: AuditRecord, { audit, number, before, anchor }: Around): string | undefined {
  if (auditKey(audit.nodeId, audit.chain, audit.number) !== key) return 'stands under the key of another';
  if (audit.number !== number) return `follows number ${number - 1n}`;
  if (before !== undefined && revision <= before.revision) return 'is older than the record before it';
  const hash = before === undefined ? (anchor?.hash ?? new Uint8Array()) : auditHash(before.value);
  return Buffer.compare(audit.previousHash, hash) === 0 ? undefined : 'does not name the hash of the record before it';
}

/** By the folder of their chain. */
export async function readAnchors(etcd: Pick<Etcd, 'list'>): Promise<ReadonlyMap<string, AuditAnchor>> {
  const { entries } = await etcd.list(anchorsPrefix);
  return new Map(
    entries.flatMap(({ key, value }) => {
      const anchor = decodedAnchor(value);
      return anchor === undefined ? [] : [[`${auditPrefix()}${key.slice(anchorsPrefix.length)}/`, anchor] as const];
    }),
  );
}

function decodedAnchor(value: Uint8Array): AuditAnchor | undefined {
  try {
    return fromBinary(AuditAnchorSchema, new Uint8Array(value));
  } catch {
    return undefined;
  }
}

/** Undefined: these bytes are no audit record. */
export function decodeAudit(value: Uint8Array): Audit | undefined {
  try {
    return fromBinary(AuditSchema, new Uint8Array(value));
  } catch {
    return undefined;
  }
}
