// Quarantine: what was released from one pool, by unit size and last owner, the latest last.

import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { parsePrefix, prefixLength } from '#internal/netip/netip.ts';

interface Released {
  readonly first: bigint;
  readonly unitLength: number;
  readonly owner: string;
  /** Milliseconds since 1970. The later it ends the later it was released. */
  readonly until: number;
}

const before = (a: Released, b: Released): boolean => (a.until === b.until ? a.first < b.first : a.until < b.until);

export class Quarantine {
  readonly #byFirst = new Map<bigint, Released>();
  /** Unit length and owner: ascending. Nearly always the end is where things come and go. */
  readonly #lists = new Map<string, Released[]>();
  readonly #counts = new Map<number, number>();

  /** The allocation with this first address is this now, or is gone. O(log n), O(n) for what was released early. */
  set(first: bigint, record: Allocation | undefined): void {
    const old = this.#byFirst.get(first);
    if (old !== undefined) this.#remove(old);
    if (record?.quarantinedUntil === undefined) return;
    const prefix = parsePrefix(record.prefix);
    if (typeof prefix !== 'string') return;
    const { seconds, nanos } = record.quarantinedUntil;
    const until = Number(seconds) * 1000 + nanos / 1e6;
    const released = { first, unitLength: prefixLength(prefix), owner: record.owner, until };
    this.#byFirst.set(first, released);
    this.#count(released.unitLength, 1);
    const list = this.#lists.get(keyOf(released)) ?? [];
    this.#lists.set(keyOf(released), list);
    list.splice(placeOf(list, released), 0, released);
  }

  #remove(old: Released): void {
    const list = this.#lists.get(keyOf(old)) ?? [];
    list.splice(placeOf(list, old), 1);
    if (list.length === 0) this.#lists.delete(keyOf(old));
    this.#byFirst.delete(old.first);
    this.#count(old.unitLength, -1);
  }

  #count(unitLength: number, by: number): void {
    this.#counts.set(unitLength, (this.#counts.get(unitLength) ?? 0) + by);
  }

  /** First addresses of what this owner had, the latest first. */
  *latest(unitLength: number, owner: string): Iterable<bigint> {
    const list = this.#lists.get(keyOf({ unitLength, owner })) ?? [];
    for (let at = list.length - 1; at >= 0; at -= 1) {
      const released = list[at];
      if (released !== undefined) yield released.first;
    }
  }

  /** How many units of that length. */
  count(unitLength: number): number {
    return this.#counts.get(unitLength) ?? 0;
  }
}

const keyOf = ({ unitLength, owner }: Pick<Released, 'unitLength' | 'owner'>): string => `${unitLength} ${owner}`;

function placeOf(list: readonly Released[], wanted: Released): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = list[middle];
    if (there !== undefined && before(there, wanted)) low = middle + 1;
    else high = middle;
  }
  return low;
}
