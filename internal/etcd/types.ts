// The values that pass through the face of this package.

export interface Header {
  /** Decimal. */
  readonly clusterId: string;
  readonly revision: bigint;
}

/** Keys are text with one character a byte (latin1). */
export interface Entry {
  readonly key: string;
  /** A view of the received message: copy it before keeping it. */
  readonly value: Uint8Array;
  readonly modRevision: bigint;
  readonly createRevision: bigint;
  /** Absent: under no lease. */
  readonly leaseId?: bigint;
}

/** All keys of a range as they were at one revision, in the order of their bytes. */
export interface Listing {
  readonly clusterId: string;
  readonly revision: bigint;
  readonly entries: readonly Entry[];
}

/** The key's revision is this; 0n: it does not exist. With `rangeEnd`: so for every key in [key, rangeEnd). */
export interface Compare {
  readonly target: 'mod' | 'create';
  readonly key: string;
  readonly rangeEnd?: string;
  readonly revision: bigint;
}

/** A key that must not have gone, nor have been made again, since it was made. */
export interface Fence {
  readonly key: string;
  readonly createRevision: bigint;
}

export type Operation =
  | { readonly op: 'put'; readonly key: string; readonly value: Uint8Array; readonly leaseId?: bigint }
  | { readonly op: 'delete'; readonly key: string }
  | Get;

/** With `rangeEnd`: the first key, if any, of [key, rangeEnd). `keysOnly`: its value is left out. */
export interface Get {
  readonly op: 'get';
  readonly key: string;
  readonly rangeEnd?: string;
  readonly keysOnly?: true;
}

/** A lease that was renewed. It lives at least `seconds` from `sentMs` on; 0: it is gone. */
export interface Renewal {
  readonly seconds: number;
  /** Monotonic ms: when the renewal that was answered left. */
  readonly sentMs: number;
}

/** If all compares hold, `then` is carried out, else `otherwise`. At most 128 of each (etcd's --max-txn-ops). */
export interface Txn {
  readonly compares: readonly Compare[];
  readonly then: readonly Operation[];
  readonly otherwise?: readonly Operation[];
}

export interface TxnOutcome {
  readonly succeeded: boolean;
  /** Of the store after it; of the commit when something was written. */
  readonly revision: bigint;
  /** Answers of the branch's `get`s, in their order. */
  readonly found: readonly (Entry | undefined)[];
}

/** One key's change. Absent `value`: deleted; then `createRevision` and `leaseId` are absent too. */
export interface WatchEvent {
  readonly key: string;
  readonly value?: Uint8Array;
  readonly modRevision: bigint;
  readonly createRevision?: bigint;
  readonly leaseId?: bigint;
}

/**
 * `relisted`: all keys of the prefix at this revision; keys it does not name are gone. Otherwise what changed since
 * the batch before, whole transactions in order; without events it only says how far the watch has come.
 */
export interface WatchBatch {
  readonly revision: bigint;
  readonly relisted: boolean;
  readonly events: readonly WatchEvent[];
}

export interface Contact {
  /** A watch is open and its liveness was shown within the allowed silence. */
  readonly connected: boolean;
  /** Since when, on the monotonic clock. */
  readonly sinceMs: number;
  /** Last sign of life of the watch, on the monotonic clock. */
  readonly heardMs: number;
  readonly clusterId?: string;
  readonly endpoint?: string;
}

export type RelistReason = 'start' | 'compacted' | 'restored';

/** What an operator wants to know, ready for a log: revisions are decimal, keys may stand in it, values never. */
export type EtcdEvent =
  | { readonly event: 'watch-opened'; readonly endpoint: string; readonly from: string }
  | { readonly event: 'follow-failed'; readonly endpoint: string; readonly problem: string }
  | { readonly event: 'relisted'; readonly reason: RelistReason; readonly revision: string; readonly keys: number }
  | { readonly event: 'restore-suspected'; readonly problem: string };

/** A member of the cluster, which votes unless it is a learner. */
export interface Member {
  readonly id: string;
  /** Empty until it has started. */
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly learner: boolean;
}
