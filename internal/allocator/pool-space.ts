// Pool space: the slabs of one pool, which of them have room for whom, and where a new one can be cut. Slabs are
// numbered from the first address that the pool could ever grow to, so that resizing it renumbers none.

import type { Allocation, Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { growthLimit, slabLengthOfPool } from '#internal/model/model.ts';
import { addressBits, type Family, familyOf, firstNumber, type Prefix, prefixFrom } from '#internal/netip/netip.ts';
import { Quarantine } from './quarantine.ts';
import { apart, meeting, type Range, rangeOf } from './ranges.ts';
import { SlabSpace, type SlabUse } from './slab-space.ts';
import { mostUnits, UnitSet } from './unit-set.ts';

const byNumber = (numbers: readonly number[], wanted: number): number => {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
};

/** Slab numbers, both ends included. */
export interface Numbers {
  readonly from: number;
  readonly to: number;
}

export class PoolSpace {
  readonly #id: string;
  readonly #first: bigint;
  readonly #slabBits: bigint;
  readonly family: Family;
  readonly bits: number;
  readonly slabLength: number;
  readonly quarantine = new Quarantine();
  readonly #slabs = new Map<number, SlabSpace>();
  /** Numbers of the slabs whose key exists, coherent or not. */
  readonly #cut: UnitSet;
  readonly #delegated = new Set<number>();
  /** Unit length, then home PoP: numbers of the slabs with room, ascending. Nearly always one or two a list. */
  readonly #roomy = new Map<number, Map<string, number[]>>();
  /** The pool as it was when it was asked about last, which is nearly always as it is. */
  #current: { readonly pool: Prefix; readonly numbers: Numbers } | undefined;
  readonly #reservations = new Map<string, Range>();
  #reserved: readonly Range[] = [];

  private constructor(id: string, limit: Prefix, slabLength: number) {
    this.#id = id;
    this.#first = firstNumber(limit);
    this.family = familyOf(limit);
    this.bits = addressBits(this.family);
    this.slabLength = slabLength;
    this.#slabBits = BigInt(this.bits - slabLength);
    const slabs = (rangeOf(limit).last - this.#first + 1n) >> this.#slabBits;
    this.#cut = new UnitSet(Math.min(mostUnits, Number(slabs)));
  }

  /** Undefined when the id spells no prefix: nothing is ever given from such a pool. */
  static of(id: string): PoolSpace | undefined {
    const [limit, slabLength] = [growthLimit(id), slabLengthOfPool(id)];
    return limit && slabLength !== undefined ? new PoolSpace(id, limit, slabLength) : undefined;
  }

  #numberOf(address: bigint): number | undefined {
    const number = (address - this.#first) >> this.#slabBits;
    return number < 0n || number >= BigInt(this.#cut.size) ? undefined : Number(number);
  }

  /** The slabs of the pool as it is now. @param pool its prefix: within the growth limit, and no longer than a slab */
  numbersOf(pool: Prefix): Numbers {
    if (this.#current?.pool !== pool) this.#current = { pool, numbers: this.numbersIn(pool) };
    return this.#current.numbers;
  }

  /** The slabs around or in a prefix within the growth limit. */
  numbersIn(prefix: Prefix): Numbers {
    const { first, last } = rangeOf(prefix);
    return {
      from: Number((first - this.#first) >> this.#slabBits),
      to: Number((last - this.#first) >> this.#slabBits),
    };
  }

  slabFirst(number: number): bigint {
    return this.#first + (BigInt(number) << this.#slabBits);
  }

  slabPrefix(number: number): Prefix {
    return prefixFrom(this.family, this.slabFirst(number), this.slabLength);
  }

  rangeOfSlab(number: number): Range {
    const first = this.slabFirst(number);
    return { first, last: first + (1n << this.#slabBits) - 1n };
  }

  #empty(number: number, use: SlabUse | undefined): SlabSpace {
    const place = { first: this.slabFirst(number), length: this.slabLength, bits: this.bits };
    return new SlabSpace(
      place,
      use,
      this.#reserved.length === 0 ? [] : meeting(this.#reserved, this.rangeOfSlab(number)),
    );
  }

  #space(number: number): SlabSpace {
    return this.#slabs.get(number) ?? this.#empty(number, undefined);
  }

  /** A slab's key has this record now, or is gone. */
  setSlab(first: bigint, record: Slab | undefined): void {
    const number = this.#numberOf(first);
    if (number === undefined || this.slabFirst(number) !== first) return;
    if (record === undefined) this.#cut.delete(number);
    else this.#cut.add(number);
    const use = record && this.#useOf(number, record);
    const delegated = use !== undefined && record?.delegatedPoolId !== '';
    if (delegated) this.#delegated.add(number);
    else this.#delegated.delete(number);
    this.#replace(number, this.#space(number), this.fresh(number, delegated ? undefined : use));
  }

  #useOf(number: number, record: Slab): SlabUse | undefined {
    const { unitLength, homePopId } = record;
    const coherent = record.poolId === this.#id && record.prefix === this.slabPrefix(number);
    return coherent && unitLength >= this.slabLength && unitLength <= this.bits ? { unitLength, homePopId } : undefined;
  }

  #replace(number: number, old: SlabSpace, now: SlabSpace): void {
    if (old !== now) this.#setRoomy(number, old.use, false);
    this.#setRoomy(number, now.use, now.nextFree(0) !== undefined);
    if (now.forgettable()) this.#slabs.delete(number);
    else this.#slabs.set(number, now);
  }

  /** An allocation's key has this record now, or is gone. */
  setAllocation(first: bigint, record: Allocation | undefined): void {
    const number = this.#numberOf(first);
    if (number === undefined) return;
    const slab = this.#space(number);
    if (record !== undefined) slab.take(first);
    else slab.release(first);
    this.#replace(number, slab, slab);
    this.quarantine.set(first, record);
  }

  /** A reservation's key holds this range now, or none. O(slabs in it + reservations of the pool). */
  setReservation(id: string, range: Range | undefined): void {
    const old = this.#reservations.get(id);
    if (range === undefined) this.#reservations.delete(id);
    else this.#reservations.set(id, range);
    this.#reserved = apart(this.#reservations.values());
    for (const changed of [old, range]) if (changed !== undefined) this.#reserveAgain(changed);
  }

  #reserveAgain({ first, last }: Range): void {
    const from = this.#numberOf(first);
    const to = this.#numberOf(last);
    if (from === undefined || to === undefined) return;
    const again = (number: number, slab: SlabSpace): void =>
      this.#replace(number, slab, slab.reserving(meeting(this.#reserved, this.rangeOfSlab(number))));
    if (to - from < this.#slabs.size) {
      for (let number = from; number <= to; number += 1) {
        const slab = this.#slabs.get(number);
        if (slab !== undefined) again(number, slab);
      }
    } else {
      for (const [number, slab] of [...this.#slabs]) if (number >= from && number <= to) again(number, slab);
    }
  }

  #setRoomy(number: number, use: SlabUse | undefined, roomy: boolean): void {
    if (use === undefined) return;
    const homes = this.#roomy.get(use.unitLength) ?? new Map<string, number[]>();
    const numbers = homes.get(use.homePopId) ?? [];
    const at = byNumber(numbers, number);
    if ((numbers[at] === number) === roomy) return;
    if (roomy) numbers.splice(at, 0, number);
    else numbers.splice(at, 1);
    this.#roomy.set(use.unitLength, homes.set(use.homePopId, numbers));
  }

  /** Slabs of that unit with room, by number, ascending. */
  *roomy(unitLength: number, homePopId: string, { from, to }: Numbers): Iterable<readonly [number, SlabSpace]> {
    const numbers = this.#roomy.get(unitLength)?.get(homePopId) ?? [];
    for (let at = byNumber(numbers, from); at < numbers.length; at += 1) {
      const number = numbers[at];
      if (number === undefined || number > to) return;
      yield [number, this.#space(number)];
    }
  }

  /** The homes that ever had room in a slab of that unit, sorted, so that every daemon tries the same one first. */
  homes(unitLength: number): readonly string[] {
    return [...(this.#roomy.get(unitLength)?.keys() ?? [])].sort();
  }

  /** What the slab of this number would hold with this use: the keys that exist under it stay. */
  fresh(number: number, use: SlabUse | undefined): SlabSpace {
    const made = this.#empty(number, use);
    const old = this.#slabs.get(number);
    if (old !== undefined) for (const taken of old.firsts()) made.take(taken);
    return made;
  }

  /** Where no slab's key exists and not everything is reserved, ascending. */
  *uncut({ from, to }: Numbers): Iterable<number> {
    let number = this.#cut.nextAbsent(from);
    while (number !== undefined && number <= to) {
      const slab = this.rangeOfSlab(number);
      const around = meeting(this.#reserved, slab).find(({ first, last }) => first <= slab.first && last >= slab.last);
      if (around === undefined) yield number;
      number = this.#cut.nextAbsent(around === undefined ? number + 1 : (this.#numberOf(around.last) ?? to) + 1);
    }
  }

  isCut(number: number): boolean {
    return this.#cut.has(number);
  }

  /** What is reserved, ascending and apart. */
  get reserved(): readonly Range[] {
    return this.#reserved;
  }

  /** Numbers of slabs whose key exists, in no order. */
  cut(): Iterable<number> {
    return this.#cut;
  }

  isDelegated(number: number): boolean {
    return this.#delegated.has(number);
  }

  /** Slabs with keys under them, by number, in no order. */
  slabs(): Iterable<readonly [number, SlabSpace]> {
    return this.#slabs;
  }
}
