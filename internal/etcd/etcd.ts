// Etcd: the only package that speaks to etcd. Keys, values and revisions; no domain.
//
// On the path: store commits through txn() and follows through listThenWatch(). It stands on the raw kv, watch and
// lease clients of the etcd3 package, whose own Watcher, Lease, Election and retries lose events, overstate leases and
// repeat writes.
// Never: repeats a write that may have been applied, waits without a deadline, resumes a watch from a header's
// revision, or logs a value.

import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { keyAfter, keyBytes, prefixEnd } from './bytes.ts';
import { type Endpoint, openEndpoint, type Tls } from './endpoint.ts';
import { failureCode } from './failure.ts';
import { type ListOptions, list, type Read } from './list.ts';
import { type Following, listThenWatch } from './list-then-watch.ts';
import { openOrder } from './order.ts';
import { decodeTxn, encodeTxn } from './txn-wire.ts';
import type { Entry, EtcdEvent, Header, Listing, Member, Renewal, Txn, TxnOutcome } from './types.ts';
import { entryOf, headerOf } from './wire.ts';

export { prefixEnd } from './bytes.ts';
export type { Tls } from './endpoint.ts';
export { type FailureCode, failureCode } from './failure.ts';
export type { ListOptions } from './list.ts';
export type { Following } from './list-then-watch.ts';
export type {
  Compare,
  Contact,
  Entry,
  EtcdEvent,
  Fence,
  Header,
  Listing,
  Member,
  Operation,
  RelistReason,
  Renewal,
  Txn,
  TxnOutcome,
  WatchBatch,
  WatchEvent,
} from './types.ts';

export interface EtcdOptions {
  /** `https://[fd44:44::1]:2379`, the local member first. */
  readonly endpoints: readonly string[];
  /** PEM. Needed for https; the members' certificates carry their addresses as IP SANs. */
  readonly tls?: Tls;
  readonly clock: Clock;
  /** Of one unary call at one endpoint; 2,000 unless told. */
  readonly deadlineMs?: number;
  /**
   * etcd's --experimental-watch-progress-notify-interval (3.6: --watch-progress-notify-interval). Absent: the server
   * has its default of 10 min, and the liveness of a watch is shown by reads.
   */
  readonly progressNotifyMs?: number;
  report?(event: EtcdEvent): void;
}

/** Everything throws a Fault with a FailureCode as its code. Reads are linearizable and go on to the next endpoint. */
export interface Etcd {
  readonly deadlineMs: number;
  header(): Promise<Header>;
  get(key: string): Promise<{ readonly header: Header; readonly entry?: Entry }>;
  /** All keys that begin with `prefix`. */
  list(prefix: string, options?: ListOptions): Promise<Listing>;
  /** At most `limit` of them, from the first key after `after` on (default: the first of all). Fewer: there are no more. */
  slice(prefix: string, options: { readonly limit: number; readonly after?: string }): Promise<readonly Entry[]>;
  /**
   * The keys that changed last, those first, without their values; with `before`: of those that changed earlier. etcd sorts: it
   * costs it O(keys).
   */
  newest(prefix: string, options: { readonly limit: number; readonly before?: bigint }): Promise<readonly Entry[]>;
  /**
   * Sent once. It goes to the next endpoint only when it certainly was not sent to the one before; `ambiguous` when
   * it may have been applied. A Txn beyond etcd's limits is a RangeError.
   * @param sending told, at each sending, until when (monotonic ms) etcd will try to carry it out
   */
  txn(txn: Txn, sending?: (untilMs: number) => void): Promise<TxnOutcome>;
  /** @param ttlSeconds what is granted may be more. An answer that got lost leaves a lease that expires by itself. */
  grantLease(ttlSeconds: number): Promise<bigint>;
  /** @param deadlineMs of one call at one endpoint; short, so that a dead one leaves the lease time for the others */
  keepLeaseAlive(leaseId: bigint, deadlineMs?: number): Promise<Renewal>;
  /** Its keys go with it. Without an error too when it is gone already. @param deadlineMs as above */
  revokeLease(leaseId: bigint, deadlineMs?: number): Promise<void>;
  /** Forgets the history before `revision`. Operators' and tests' work. */
  compact(revision: bigint): Promise<void>;
  members(): Promise<readonly Member[]>;
  /** Sent once; without an error too when it is gone already. etcd refuses what would cost it its majority. */
  removeMember(id: string): Promise<void>;
  /** The id of the member that leads, as the one that is asked knows it; empty: none does. */
  leader(): Promise<string>;
  /** Sent once, to the first endpoint, whose member must lead. @param id of a member that votes */
  moveLeader(id: string): Promise<void>;
  /** Ends, without an error, only by its signal. To be iterated once. */
  listThenWatch(prefix: string, signal: AbortSignal): Following;
  /** For connections to come: watches and calls under way go on over those that stand. */
  renew(tls: Tls): void;
  close(): void;
}

// etcd --max-txn-ops; measured: 128 compares and 128 puts pass, 129 are refused.
const maxTxnOperations = 128;
const defaultDeadlineMs = 2_000;
/** It sorts them all. */
const newestDeadlineMs = 5_000;

export function openEtcd(options: EtcdOptions): Etcd {
  const { clock } = options;
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  const endpoints = options.endpoints.map((url) => openEndpoint(url, options.tls, deadlineMs, clock));
  const order = openOrder(endpoints, clock);

  async function atFirst<T>(run: (endpoint: Endpoint) => Promise<T>, again: (thrown: unknown) => boolean): Promise<T> {
    let last: unknown = new Fault('unavailable', 'etcd: no endpoints');
    for (const endpoint of order.list()) {
      try {
        const answer = await run(endpoint);
        order.succeeded(endpoint);
        return answer;
      } catch (thrown) {
        const code = failureCode(thrown);
        if (code === 'unavailable' || code === 'ambiguous') order.failed(endpoint);
        if (!again(thrown)) throw thrown;
        last = thrown;
      }
    }
    throw last;
  }
  const read: Read = (name, run, ms) => atFirst((endpoint) => endpoint.unary(name, run, ms), mayBeReadElsewhere);
  const header = () => atFirst((endpoint) => endpoint.header(), mayBeReadElsewhere);
  const listPrefix = (prefix: string, listOptions: ListOptions = {}) => list(read, prefix, listOptions);
  const { progressNotifyMs } = options;
  const report = (event: EtcdEvent) => options.report?.(event);
  const following = { order, clock, list: listPrefix, header, progressNotifyMs, report };

  const members = async (): Promise<readonly Member[]> => {
    const answer = await read('list the members', ({ cluster }, o) => cluster.memberList({}, o));
    return answer.members.map(({ ID, name, clientURLs, peerURLs, isLearner }) => ({
      ...{ id: String(ID), name, clientUrls: clientURLs, peerUrls: peerURLs, learner: isLearner },
    }));
  };

  return {
    deadlineMs,
    header,
    async get(key) {
      const answer = await read(`get ${key}`, ({ kv }, o) => kv.range({ key: keyBytes(key) }, o));
      const [kv] = answer.kvs;
      return { header: headerOf(answer.header), ...(kv && { entry: entryOf(kv) }) };
    },
    list: listPrefix,
    async slice(prefix, { limit, after }) {
      const from = after === undefined ? prefix : keyAfter(after);
      const request = { key: keyBytes(from), range_end: keyBytes(prefixEnd(prefix)), limit };
      const { kvs } = await read(`slice of ${prefix}`, ({ kv }, o) => kv.range(request, o));
      return kvs.map(entryOf);
    },
    async newest(prefix, { limit, before }) {
      const request = {
        ...{ key: keyBytes(prefix), range_end: keyBytes(prefixEnd(prefix)), limit },
        ...({ sort_order: 'Descend', sort_target: 'Mod', keys_only: true } as const),
        ...(before !== undefined && { max_mod_revision: String(before - 1n) }),
      };
      const { kvs } = await read(`newest of ${prefix}`, ({ kv }, o) => kv.range(request, o), newestDeadlineMs);
      return kvs.map(entryOf);
    },
    async txn(txn, sending) {
      for (const part of [txn.compares, txn.then, txn.otherwise ?? []]) {
        if (part.length > maxTxnOperations) throw new RangeError(`${part.length} operations in a transaction`);
      }
      const request = encodeTxn(txn);
      const answer = await atFirst(
        (endpoint) => {
          sending?.(clock.monotonicMs() + deadlineMs);
          return endpoint.txn(request);
        },
        (thrown) => failureCode(thrown) === 'unavailable',
      );
      return decodeTxn(txn, answer);
    },
    async grantLease(ttlSeconds) {
      const answer = await atFirst(
        (endpoint) => endpoint.unary('grant a lease', ({ lease }, o) => lease.leaseGrant({ TTL: ttlSeconds }, o)),
        mayBeReadElsewhere,
      );
      return BigInt(answer.ID);
    },
    keepLeaseAlive: (leaseId, ms) => atFirst((endpoint) => endpoint.keepAliveOnce(leaseId, ms), mayBeReadElsewhere),
    async revokeLease(leaseId, ms) {
      try {
        await read('revoke a lease', ({ lease }, o) => lease.leaseRevoke({ ID: leaseId.toString() }, o), ms);
      } catch (thrown) {
        if (failureCode(thrown) !== 'no-lease') throw thrown;
      }
    },
    async compact(revision) {
      await read('compact', ({ kv }, o) => kv.compact({ revision: revision.toString(), physical: true }, o));
    },
    members,
    async removeMember(id) {
      const gone = async () => !(await members()).some((member) => member.id === id);
      try {
        await atFirst(
          (endpoint) => endpoint.unary('remove a member', ({ cluster }, o) => cluster.memberRemove({ ID: id }, o)),
          (thrown) => failureCode(thrown) === 'unavailable',
        );
      } catch (thrown) {
        // Its answer got lost, or somebody else was faster.
        if (!(await gone().catch(() => false))) throw thrown;
      }
    },
    async leader() {
      const { leader } = await read('ask who leads', ({ maintenance }, o) => maintenance.status(o));
      return leader === '0' ? '' : String(leader);
    },
    async moveLeader(id) {
      await endpoints[0]?.unary('move the lead', ({ maintenance }, o) => maintenance.moveLeader({ targetID: id }, o));
    },
    listThenWatch: (prefix, signal) => listThenWatch(following, prefix, signal),
    renew(tls) {
      for (const endpoint of endpoints) endpoint.renew(tls);
    },
    close() {
      order.close();
      for (const endpoint of endpoints) endpoint.close();
    },
  };
}

function mayBeReadElsewhere(thrown: unknown): boolean {
  const code = failureCode(thrown);
  return code === 'unavailable' || code === 'ambiguous' || code === 'behind';
}
