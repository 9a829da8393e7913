// Store: the records of both snapshots in etcd, and the last good one of the fabric on disk.
//
// On the path: submit commits a decision as one transaction; every daemon follows and folds what comes.
// Never: decides anything, trusts a value that it reads, writes one that could not be read back, or logs a value.

import { randomBytes } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { type EtcdEvent, openEtcd, type Tls } from '#internal/etcd/etcd.ts';
import type {
  AuditAnchor,
  AuditHead,
  AuditHeads,
  DeletedTunnel,
  Holding,
  Operation,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { PersonEvent } from '#internal/model/model.ts';
import type { Batch, Decision } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { openChains } from './audit.ts';
import { type AuditRecord, auditRecords, readAnchors, readAudit } from './audit-log.ts';
import { chainHeads, readHeads, writeHeads } from './audit-heads.ts';
import { trimAudit } from './audit-trim.ts';
import { deletedTunnel, readDeleted } from './deleted-log.ts';
import { createCommit } from './commit.ts';
import { createFollowing, type Following, type FollowingEvent } from './following.ts';
import type { Group } from './group.ts';
import { readHeld } from './held-log.ts';
import { auditPrefix } from './keys.ts';
import { fabric, people } from './languages.ts';
import { createLeases } from './lease.ts';
import type { CommitOutcome, Remembered } from './outcome.ts';
import { toldReads } from './told.ts';

export { auditHash } from './audit.ts';
export { headKey } from './audit-heads.ts';
export { type AuditProblem, type AuditRecord, auditProblems, decodeAudit } from './audit-log.ts';
export { type Disk, type DiskEvent, openDisk } from './disk.ts';
export { readSavedRecords } from './disk-load.ts';
export type { Following } from './following.ts';
export { type Group, type LeaderFence, openGroup } from './group.ts';
export type { CommitOutcome, Remembered } from './outcome.ts';

export interface StoreOptions {
  /** The local member first. */
  readonly endpoints: readonly string[];
  readonly tls?: Tls;
  readonly clock: Clock;
  /** Whose audit records it writes. */
  readonly nodeId: string;
  /** See EtcdOptions: what etcd's flag was set to. */
  readonly progressNotifyMs?: number;
  /** Between two comparisons of what is held with a fresh list; 7 min unless told. */
  readonly auditMs?: number;
  /** For the log; all fields are strings and numbers, none is a value of the store. */
  report?(event: StoreEvent): void;
}

export type StoreEvent = EtcdEvent | FollowingEvent;

export interface Store {
  /**
   * First a relisted batch, then differences in whole transactions; relisted again after a compaction, a suspected
   * restore or an audit that found a difference. A batch without events says that nothing happened up to its
   * revision. Ends by its signal, never with an error. One at a time.
   * @param lastGood from disk: its records stand in for keys whose values cannot be read now
   */
  follow(signal: AbortSignal, lastGood?: Batch): AsyncIterable<Batch>;
  /** The second snapshot, about people; for those who may read it. */
  readonly people: Following<PersonEvent>;
  /**
   * One transaction: every compare holds, every write happens, the operation is remembered for 24 h and the change is
   * audited; or nothing.
   * @throws Fault `unavailable` (nothing was written), `ambiguous` (the same operation may be tried again), `unreadable`
   * (a record that nobody could read back); RangeError as Group.add
   */
  commit(decision: Decision, operation: Operation | undefined): Promise<CommitOutcome>;
  /**
   * All of a group in one transaction, as commit does with one. Those that cannot be carried out any more do not keep
   * the others from it.
   * @returns one outcome for each that was added, in that order
   * @throws Fault `unavailable` (nothing of the group was written), `ambiguous` (of each the operation tells)
   */
  commitGroup(group: Group): Promise<readonly CommitOutcome[]>;
  /** Chain after chain, each in the order of its numbers; of all nodes without `nodeId`. For operators and tests. */
  readAudit(nodeId?: string): AsyncIterable<AuditRecord>;
  /** Tunnels that were deleted of late, by id and in slices, those after `after`. What cannot be read is left out. */
  readDeleted(after?: string): AsyncIterable<readonly DeletedTunnel[]>;
  /** Undefined: none of that id was deleted of late. */
  deletedTunnel(id: string): Promise<DeletedTunnel | undefined>;
  /**
   * Which records are the newest, those first, of those that were written before that revision; of what was trimmed nothing is
   * left. etcd looks at all of them for it, once.
   */
  newestAudit(limit: number, before?: bigint): Promise<readonly Pick<AuditRecord, 'key' | 'revision'>[]>;
  /** In the order of the keys, at most 128 of them; what was trimmed meanwhile is left out. */
  auditRecords(keys: readonly string[]): Promise<readonly AuditRecord[]>;
  readAnchors(): Promise<ReadonlyMap<string, AuditAnchor>>;
  /** Where chains end of which something is among the newest 10,000 records; the newest first. */
  chainHeads(): Promise<readonly AuditHead[]>;
  /** By node. What cannot be read is empty. */
  readHeads(): Promise<ReadonlyMap<string, AuditHeads>>;
  writeHeads(nodeId: string, heads: AuditHeads): Promise<void>;
  /**
   * Takes away a chain up to this record, which stays known by its hash. Gives how many went; undefined: there is no such
   * record, or another one. May be repeated.
   */
  trimAudit(key: string, hash: Uint8Array): Promise<number | undefined>;
  /** What is known of the past of exactly these prefixes, at most 128; the oldest first within each. Linearizable. */
  readHeld(prefixes: readonly Prefix[]): Promise<readonly Holding[]>;
  /** Linearizable. */
  readOperation(requestId: string): Promise<Remembered | undefined>;
  /** Linearizable. */
  currentRevision(): Promise<bigint>;
  /** Costs nothing. Whether what follow gives is fresh. */
  contact(): { readonly connected: boolean; readonly sinceMs: number; readonly clusterId?: string };
  /** Keys whose values cannot be read, sorted, in printable characters. */
  quarantined(): readonly string[];
  /** Events of keys under our prefix whose kind this build does not know; a newer daemon's, or a stranger's. */
  ignored(): number;
  /** As Etcd.renew. */
  renew(tls: Tls): void;
  close(): void;
}

const defaultAuditMs = 7 * 60_000;

export function openStore(options: StoreOptions): Store {
  const { clock } = options;
  const report = (event: StoreEvent) => options.report?.(event);
  const etcd = openEtcd(options);
  const asked = toldReads(etcd);
  const chains = openChains(options.nodeId, () => randomBytes(8).toString('hex'));
  const { commit, commitGroup, readOperation } = createCommit(etcd, createLeases(etcd, clock), chains, clock);
  const around = { etcd, clock, auditMs: options.auditMs ?? defaultAuditMs, report };
  const records = createFollowing(fabric, around);
  const persons = createFollowing(people, around);

  return {
    follow: records.follow,
    people: persons,
    commit,
    commitGroup,
    readAudit: (nodeId) => readAudit(asked, nodeId),
    newestAudit: async (limit, before) => {
      const entries = await asked.newest(auditPrefix(), { limit, ...(before !== undefined && { before }) });
      return entries.map(({ key, modRevision }) => ({ key, revision: modRevision }));
    },
    auditRecords: (keys) => auditRecords(asked, keys),
    readAnchors: () => readAnchors(asked),
    chainHeads: () => chainHeads(asked),
    readHeads: () => readHeads(asked),
    writeHeads: (nodeId, heads) => writeHeads(etcd, nodeId, heads),
    trimAudit: (key, hash) => trimAudit(etcd, key, hash),
    readDeleted: (after) => readDeleted(asked, after),
    deletedTunnel: (id) => deletedTunnel(asked, id),
    readHeld: (prefixes) => readHeld(etcd, prefixes),
    readOperation,
    currentRevision: async () => (await etcd.header()).revision,
    contact: records.contact,
    quarantined: () => [...records.quarantined(), ...persons.quarantined()].sort(),
    ignored: records.ignored,
    renew: (tls) => etcd.renew(tls),
    close: () => etcd.close(),
  };
}
