// Group: decisions that are carried out as one transaction.
//
// Nothing in it reads what an earlier one writes, so that together they lead to what they would one after the other, in
// the order of adding.

import type { Compare, Fence } from '#internal/etcd/etcd.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import { type Item, itemOf, type KeyWrite } from './item.ts';
import { recordKey } from './keys.ts';

/** A key that only the leader of this pool holds. */
export type LeaderFence = Fence & { readonly poolId: string };

export interface Group {
  readonly fence: LeaderFence | undefined;
  readonly items: readonly Item[];
  readonly size: number;
  /**
   * `full`: there is no room for it any more. `meets`: it touches a key that the group writes, or wants one at another
   * revision; it can go into another group. Only two that cut one slab alike go together: whoever writes any other record
   * does so to keep others out, who may well write the same bytes.
   * @throws Fault `unreadable` (a record that nobody could read back), RangeError (no request id, a decision that
   * contradicts itself or is too large for a transaction of its own); the group is then as it was
   */
  add(decision: Decision, operation: Operation | undefined): 'added' | 'full' | 'meets';
}

// etcd's --max-txn-ops counts compares, writes, and reads of the other branch, each for itself. Each compare has its read.
const mostOperations = 128;
// etcd takes requests of 1.5 MiB. Keys and the audit record are 128 times 500 bytes at most.
const mostBytes = 1024 * 1024;
// The audit record.
const ofEachTransaction = 1;
const slabs = recordKey('slab', '');

export function openGroup(fence?: LeaderFence): Group {
  const items: Item[] = [];
  const compares = new Map<string, Compare>();
  const writes = new Map<string, KeyWrite | 'remembered'>();
  let bytes = 0;
  const mostWrites = mostOperations - ofEachTransaction;
  const mostCompares = mostWrites - (fence === undefined ? 0 : 1);

  /** Both cut the slab, on the same condition and in the same way. */
  function cutAlike(item: Item, write: KeyWrite): boolean {
    const held = writes.get(write.key);
    return (
      write.key.startsWith(slabs) &&
      held !== undefined &&
      held !== 'remembered' &&
      held.op === 'put' &&
      write.op === 'put' &&
      Buffer.compare(held.value, write.value) === 0 &&
      compares.get(write.key)?.revision === item.compares.get(write.key)?.revision
    );
  }

  function writtenIn({ key, rangeEnd }: Compare): boolean {
    if (rangeEnd === undefined) return writes.has(key);
    return writes.keys().some((written) => written >= key && written < rangeEnd);
  }

  function meets(item: Item): boolean {
    for (const write of item.writes.values()) if (writes.has(write.key) && !cutAlike(item, write)) return true;
    for (const [name, compare] of item.compares) {
      if ((compares.get(name) ?? compare).revision !== compare.revision) return true;
      if (writtenIn(compare) && !item.writes.has(name)) return true;
    }
    return false;
  }

  return {
    fence,
    items,
    get size() {
      return items.length;
    },
    add(decision, operation) {
      const item = itemOf(decision, operation);
      const remembered = item.remember === undefined ? 0 : 1;
      if (item.compares.size > mostCompares || item.writes.size + remembered > mostWrites) {
        throw new RangeError(`${item.compares.size} compares and ${item.writes.size} writes in a transaction`);
      }
      if (meets(item)) return 'meets';
      if (compares.size + countNew(item.compares, compares) > mostCompares) return 'full';
      if (writes.size + countNew(item.writes, writes) + remembered > mostWrites) return 'full';
      // One that is larger has the transaction for itself, and etcd's answer.
      if (items.length > 0 && bytes + item.bytes > mostBytes) return 'full';
      bytes += item.bytes;
      for (const [name, compare] of item.compares) compares.set(name, compare);
      for (const [key, write] of item.writes) writes.set(key, write);
      if (item.remember !== undefined) writes.set(item.remember.key, 'remembered');
      items.push(item);
      return 'added';
    },
  };
}

function countNew(some: ReadonlyMap<string, unknown>, held: ReadonlyMap<string, unknown>): number {
  let count = 0;
  for (const name of some.keys()) if (!held.has(name)) count++;
  return count;
}
