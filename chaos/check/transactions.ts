// Transactions: the event log cut where etcd cut it, with what each part means.

import type { Audit, AuditEntry, Candidate, Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import { type LoggedEvent, meaningOf } from '../event-log.ts';
import { changeOf } from './changes.ts';

export interface AuditLink {
  readonly chain: string;
  readonly number: bigint;
  /** Absent: the record was deleted. */
  readonly audit?: Audit;
  /** As it stands in etcd. */
  readonly bytes: Uint8Array;
}

/** One revision. */
export interface Transaction {
  readonly revision: bigint;
  readonly records: readonly RecordEvent[];
  readonly operations: readonly { readonly requestId: string; readonly operation?: Operation }[];
  readonly audits: readonly AuditLink[];
  readonly leaders: readonly { readonly poolId: string; readonly candidate?: Candidate }[];
  /** Keys whose values say nothing that can be read. */
  readonly unreadable: readonly string[];
  /** When its daemon wrote it, by the wall clock; undefined without an audit record. */
  readonly atMs?: number;
  /** The request that changed `kind/id`, by the audit record. */
  readonly causes: ReadonlyMap<string, AuditEntry>;
}

/** `events` in the order of their revisions; O(events). One after another: all at once would fill the memory. */
export function* transactionsOf(events: readonly LoggedEvent[]): Generator<Transaction> {
  let cut: LoggedEvent[] = [];
  for (const event of events) {
    if (cut.length > 0 && cut[0]?.revision !== event.revision) {
      yield transactionOf(cut);
      cut = [];
    }
    cut.push(event);
  }
  if (cut.length > 0) yield transactionOf(cut);
}

function transactionOf(events: readonly LoggedEvent[]): Transaction {
  const records: RecordEvent[] = [];
  const operations: Transaction['operations'][number][] = [];
  const audits: AuditLink[] = [];
  const leaders: Transaction['leaders'][number][] = [];
  const unreadable: string[] = [];
  for (const event of events) {
    const meaning = meaningOf(event);
    switch (meaning.is) {
      case 'record':
        records.push(meaning.event);
        break;
      case 'operation':
        operations.push(meaning);
        break;
      case 'audit':
        audits.push({ ...meaning, bytes: event.value ?? new Uint8Array() });
        break;
      case 'leader':
        leaders.push(meaning);
        break;
      case 'unreadable':
        unreadable.push(event.key);
        break;
      case 'other':
    }
  }
  const entries = audits.flatMap(({ audit }) => audit?.entries ?? []);
  const causes = new Map(
    entries.flatMap((entry) => entry.changes.map((change) => [changeOf(change)[0], entry] as const)),
  );
  const at = audits[0]?.audit?.at;
  return {
    revision: events[0]?.revision ?? 0n,
    records,
    operations,
    audits,
    leaders,
    unreadable,
    ...(at && { atMs: Number(at.seconds) * 1000 + at.nanos / 1e6 }),
    causes,
  };
}
