// Absence: conditions under which no allocation lies in a part of a pool besides those that the snapshot shows.
//
// An allocation compares its pool's record and does not write it. So a command that rewrites the pool fails those that
// are decided before it and committed after it, but one that was committed between its snapshot and itself goes unseen:
// that nothing came into the part has to be a condition of its own.

import { type Snapshot, slabId, slabLengthOfPool } from '#internal/model/model.ts';
import type { Compare } from '#internal/model/record.ts';
import {
  addressBits,
  familyOf,
  firstHex,
  type Prefix,
  prefixFromHex,
  prefixLength,
  subprefixCount,
  nthSubprefix,
  supernet,
} from '#internal/netip/netip.ts';

const bitsOfDigit = 4;

/**
 * Conditions that no allocation key begins within the range beyond the known ones; each of these is the caller's to
 * compare. Ranges of keys end at hexadecimal digits: 1 to 8 conditions for an empty range, about 15 more for each
 * digit of each known key. Where the slab of a known key stands, its units bound the search, and its record is a
 * condition too.
 * @param known ids of allocations of this pool
 */
export function noOthers(
  snapshot: Snapshot,
  pool: string,
  range: Prefix,
  known: readonly string[],
): readonly Compare[] {
  const conditions = new Map<string, Compare>();
  const width = addressBits(familyOf(range)) / bitsOfDigit;

  /** Length of the units around this place, and the slab's record as a condition; of single addresses where no slab is. */
  function unitLength(digits: string): number {
    const place = prefixFromHex(digits.padEnd(width, '0'), width * bitsOfDigit);
    const slabLength = slabLengthOfPool(pool);
    if (place === undefined || slabLength === undefined || digits.length * bitsOfDigit < slabLength) return Infinity;
    const id = slabId(pool, supernet(place, slabLength));
    const slab = snapshot.slabs.get(id);
    if (slab === undefined) return Infinity;
    conditions.set(`slab ${id}`, { kind: 'slab', id, revision: slab.revision });
    return slab.record.unitLength;
  }

  function visit(digits: string): void {
    const id = `${pool}/${digits}`;
    if (!known.some((each) => each.startsWith(id))) {
      conditions.set(id, {
        kind: 'allocation',
        id,
        revision: 0n,
        ...(digits.length < width && { within: true as const }),
      });
      return;
    }
    const bits = digits.length * bitsOfDigit;
    if (digits.length === width || bits >= unitLength(digits)) return;
    for (let digit = 0; digit < 16; digit += 1) visit(digits + digit.toString(16));
  }

  const whole = Math.ceil(prefixLength(range) / bitsOfDigit);
  const parts = subprefixCount(range, whole * bitsOfDigit);
  for (let n = 0n; n < parts; n += 1n) visit(firstHex(nthSubprefix(range, whole * bitsOfDigit, n)).slice(0, whole));
  return [...conditions.values()];
}

/** What is left of the outer prefix without the inner one, as prefixes: one of each length between them. */
export function without(outer: Prefix, inner: Prefix): readonly Prefix[] {
  const rest: Prefix[] = [];
  for (let length = prefixLength(outer) + 1; length <= prefixLength(inner); length += 1) {
    const kept = supernet(inner, length);
    const around = supernet(inner, length - 1);
    const [low, high] = [nthSubprefix(around, length, 0n), nthSubprefix(around, length, 1n)];
    rest.push(kept === low ? high : low);
  }
  return rest;
}
