// Transaction: decisions, their audit record and a fence as one etcd transaction, and what its other branch, which reads
// all that was compared, says of each decision.

import { Fault } from '#internal/errors/errors.ts';
import type { Compare, Entry, Fence, Operation as KeyOperation, Txn } from '#internal/etcd/etcd.ts';
import type { Link } from './audit.ts';
import { decodeOperation } from './codec.ts';
import { conditionName, type Item } from './item.ts';
import type { LeaseKind } from './lease.ts';
import type { CommitOutcome } from './outcome.ts';

/** By conditionName; absent: nothing stands there. */
export type Found = ReadonlyMap<string, Entry>;

export interface Transaction {
  readonly txn: Txn;
  /** @param entries as the other branch read them */
  found(entries: readonly (Entry | undefined)[]): Found;
}

/** Under which leases they want to write. */
export function leasesOf(items: readonly Item[]): ReadonlySet<LeaseKind> {
  const kinds = new Set<LeaseKind>();
  for (const { remember, lifetimes } of items) {
    if (remember !== undefined) kinds.add('answer');
    for (const lifetime of lifetimes.values()) kinds.add(lifetime);
  }
  return kinds;
}

/** @param leaseIds of leasesOf the items */
export function transactionOf(
  items: readonly Item[],
  fence: Fence | undefined,
  link: Link,
  leaseIds: ReadonlyMap<LeaseKind, bigint>,
): Transaction {
  const compares = new Map<string, Compare>([[link.key, { target: 'create', key: link.key, revision: 0n }]]);
  if (fence !== undefined) {
    compares.set(fence.key, { target: 'create', key: fence.key, revision: fence.createRevision });
  }
  const under = (kind: LeaseKind): bigint => {
    const id = leaseIds.get(kind);
    if (id === undefined) throw new TypeError(`no lease of a ${kind}`);
    return id;
  };
  const writes = new Map<string, KeyOperation>();
  const withValue = new Set([link.key]);
  for (const item of items) {
    for (const [name, compare] of item.compares) compares.set(name, compare);
    for (const [key, write] of item.writes) writes.set(key, write);
    for (const [key, lifetime] of item.lifetimes) {
      const write = item.writes.get(key);
      if (write?.op === 'put') writes.set(key, { ...write, leaseId: under(lifetime) });
    }
    if (item.remember === undefined) continue;
    writes.set(item.remember.key, { op: 'put', ...item.remember, leaseId: under('answer') });
    withValue.add(item.remember.key);
  }
  const names = [...compares.keys()];
  const reads = [...compares.values()].map(({ key, rangeEnd }): KeyOperation => {
    if (rangeEnd !== undefined) return { op: 'get', key, rangeEnd, keysOnly: true };
    return withValue.has(key) ? { op: 'get', key } : { op: 'get', key, keysOnly: true };
  });
  return {
    txn: {
      compares: [...compares.values()],
      then: [...writes.values(), { op: 'put', ...link }],
      otherwise: reads,
    },
    found(entries) {
      const found = new Map<string, Entry>();
      for (const [at, name] of names.entries()) {
        const entry = entries[at];
        if (entry !== undefined) found.set(name, entry);
      }
      return found;
    },
  };
}

export function holdsFence(fence: Fence, found: Found): boolean {
  return found.get(fence.key)?.createRevision === fence.createRevision;
}

/** Undefined: nothing speaks against it. */
export function judge(item: Item, found: Found, revision: bigint): CommitOutcome | undefined {
  const { operation, remember } = item;
  if (operation !== undefined && remember !== undefined) {
    const entry = found.get(remember.key);
    if (entry !== undefined) return remembered(operation.requestId, entry);
  }
  for (const compare of item.compares.values()) {
    if (!holds(compare, found.get(conditionName(compare)))) return { outcome: 'conflict', revision };
  }
  return undefined;
}

function holds({ target, revision }: Compare, entry: Entry | undefined): boolean {
  if (entry === undefined) return revision === 0n;
  return (target === 'mod' ? entry.modRevision : entry.createRevision) === revision;
}

function remembered(requestId: string, entry: Entry): CommitOutcome {
  const revision = entry.modRevision;
  try {
    return { outcome: 'repeated', revision, operation: decodeOperation(requestId, entry.value) };
  } catch (thrown) {
    if (thrown instanceof Fault) return { outcome: 'unreadable', revision, fault: thrown };
    throw thrown;
  }
}
