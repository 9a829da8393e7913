// Item: one decision as what it adds to a transaction.

import { type Compare, type Operation as KeyOperation, prefixEnd } from '#internal/etcd/etcd.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { PersonDecision } from '#internal/model/model.ts';
import type { Decision, Compare as RecordCompare, Write } from '#internal/model/record.ts';
import { encodeOperation, encodePerson, encodeRecord } from './codec.ts';
import { deletedEntry } from './deleted-log.ts';
import { heldEntry } from './held-log.ts';
import { operationKey, personKey, recordKey } from './keys.ts';
import type { LeaseKind } from './lease.ts';

export type KeyWrite = Exclude<KeyOperation, { readonly op: 'get' }>;

export interface Item {
  readonly decision: Decision;
  readonly operation: Operation | undefined;
  /** By conditionName; that no operation has this request id is one of them. */
  readonly compares: ReadonlyMap<string, Compare>;
  /** By key. Without the remembered answer, which wants a lease. */
  readonly writes: ReadonlyMap<string, KeyWrite>;
  readonly remember: { readonly key: string; readonly value: Uint8Array } | undefined;
  /** By key of those among the writes that end by themselves. */
  readonly lifetimes: ReadonlyMap<string, LeaseKind>;
  /** Of all values. */
  readonly bytes: number;
}

/** A key and a range that begins with it are two things to compare. */
export const conditionName = ({ key, rangeEnd }: Compare): string => (rangeEnd === undefined ? key : `${key}\0`);

/**
 * @throws Fault `unreadable` (a record that nobody could read back), RangeError (no request id; a decision that writes a
 * key twice or wants it at two revisions)
 */
export function itemOf(decision: Decision, operation: Operation | undefined): Item {
  const compares = new Map<string, Compare>();
  for (const each of decision.compares) {
    const compare = compareOf(each);
    const name = conditionName(compare);
    if ((compares.get(name) ?? compare).revision !== compare.revision) throw new RangeError(`${name} at two revisions`);
    compares.set(name, compare);
  }
  const writes = new Map<string, KeyWrite>();
  let bytes = 0;
  const add = (write: KeyWrite): void => {
    bytes += write.op === 'put' ? write.value.length : 0;
    if (writes.has(write.key)) throw new RangeError(`${write.key} is written twice`);
    writes.set(write.key, write);
  };
  for (const each of decision.writes) add(writeOf(each));
  const lifetimes = new Map<string, LeaseKind>();
  if (decision.people !== undefined) addPeople(decision.people, { compares, add, lifetimes });
  for (const each of decision.deleted ?? []) {
    const { key, value } = deletedEntry(each);
    add({ op: 'put', key, value });
    lifetimes.set(key, 'deleted');
  }
  for (const each of decision.ended ?? []) {
    const { key, value } = heldEntry(each);
    bytes += value.length;
    writes.set(key, { op: 'put', key, value });
  }
  if (operation === undefined) return { decision, operation, compares, writes, lifetimes, remember: undefined, bytes };
  const key = operationKey(operation.requestId);
  compares.set(key, { target: 'create', key, revision: 0n });
  const value = encodeOperation(operation);
  return { decision, operation, compares, writes, lifetimes, remember: { key, value }, bytes: bytes + value.length };
}

interface Filling {
  readonly compares: Map<string, Compare>;
  readonly add: (write: KeyWrite) => void;
  readonly lifetimes: Map<string, LeaseKind>;
}

/** The same of people. */
function addPeople(people: PersonDecision, { compares, add, lifetimes }: Filling): void {
  for (const { kind, id, revision } of people.compares) {
    const key = personKey(kind, id);
    compares.set(key, { target: 'mod', key, revision });
  }
  for (const write of people.writes) {
    const { kind, id } = write;
    const key = personKey(kind, id);
    if (write.op === 'delete') add({ op: 'delete', key });
    else {
      add({ op: 'put', key, value: encodePerson(kind, id, write.record) });
      if (write.lifetime !== undefined) lifetimes.set(key, write.lifetime);
    }
  }
}

function compareOf({ kind, id, revision, within }: RecordCompare): Compare {
  const key = recordKey(kind, id);
  if (within === true) return { target: 'create', key, rangeEnd: prefixEnd(key), revision: 0n };
  return { target: 'mod', key, revision };
}

function writeOf(write: Write): KeyWrite {
  const key = recordKey(write.kind, write.id);
  if (write.op === 'delete') return { op: 'delete', key };
  return { op: 'put', key, value: encodeRecord(write.kind, write.id, write.record) };
}
