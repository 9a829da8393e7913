// Pool space: the slabs of one pool, which of them have room for whom, and where a new one can be cut.

import type { Slab } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { parsePoolId, slabLengthOf } from '#internal/model/model.ts';
import {
  addressBits,
  type Family,
  familyOf,
  firstNumber,
  type Prefix,
  prefixFrom,
  prefixLength,
} from '#internal/netip/netip.ts';
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

export class PoolSpace {
  readonly #id: string;
  readonly #first: bigint;
  readonly family: Family;
  readonly bits: number;
  readonly slabLength: number;
  readonly #slabs = new Map<number, SlabSpace>();
  /** Numbers of the slabs whose key exists, coherent or not. */
  readonly #cut: UnitSet;
  /** Unit length, then home PoP: numbers of the slabs with room, ascending. Nearly always one or two a list. */
  readonly #roomy = new Map<number, Map<string, number[]>>();

  private constructor(id: string, prefix: Prefix) {
    this.#id = id;
    this.#first = firstNumber(prefix);
    this.family = familyOf(prefix);
    this.bits = addressBits(this.family);
    this.slabLength = slabLengthOf(prefix);
    this.#cut = new UnitSet(Math.min(mostUnits, 2 ** (this.slabLength - prefixLength(prefix))));
  }

  /** Undefined when the id spells no prefix: nothing is ever given from such a pool. */
  static of(id: string): PoolSpace | undefined {
    const prefix = parsePoolId(id);
    return prefix && new PoolSpace(id, prefix);
  }

  #numberOf(first: bigint): number | undefined {
    const number = (first - this.#first) >> BigInt(this.bits - this.slabLength);
    return number < 0n || number >= BigInt(this.#cut.size) ? undefined : Number(number);
  }

  slabFirst(number: number): bigint {
    return this.#first + (BigInt(number) << BigInt(this.bits - this.slabLength));
  }

  #space(number: number): SlabSpace {
    const place = { first: this.slabFirst(number), length: this.slabLength, bits: this.bits };
    return this.#slabs.get(number) ?? new SlabSpace(place, undefined);
  }

  /** A slab's key has this record now, or is gone. */
  setSlab(first: bigint, record: Slab | undefined): void {
    const number = this.#numberOf(first);
    if (number === undefined || this.slabFirst(number) !== first) return;
    if (record === undefined) this.#cut.delete(number);
    else this.#cut.add(number);
    this.#replace(number, this.#space(number), this.#made(number, record && this.#useOf(first, record)));
  }

  #useOf(first: bigint, record: Slab): SlabUse | undefined {
    const prefix = prefixFrom(this.family, first, this.slabLength);
    const { unitLength, homePopId } = record;
    const coherent = record.poolId === this.#id && record.prefix === prefix;
    return coherent && unitLength >= this.slabLength && unitLength <= this.bits ? { unitLength, homePopId } : undefined;
  }

  #replace(number: number, old: SlabSpace, now: SlabSpace): void {
    if (old !== now) this.#setRoomy(number, old.use, false);
    this.#setRoomy(number, now.use, now.nextFree(0) !== undefined);
    if (now.forgettable()) this.#slabs.delete(number);
    else this.#slabs.set(number, now);
  }

  /** An allocation's key exists, or is gone. */
  setTaken(first: bigint, taken: boolean): void {
    const number = this.#numberOf(first);
    if (number === undefined) return;
    const slab = this.#space(number);
    if (taken) slab.take(first);
    else slab.release(first);
    this.#replace(number, slab, slab);
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

  /** Slabs of that unit with room, ascending. */
  *roomy(unitLength: number, homePopId: string): Iterable<SlabSpace> {
    for (const number of this.#roomy.get(unitLength)?.get(homePopId) ?? []) yield this.#space(number);
  }

  /** The homes that ever had room in a slab of that unit, sorted, so that every daemon tries the same one first. */
  homes(unitLength: number): readonly string[] {
    return [...(this.#roomy.get(unitLength)?.keys() ?? [])].sort();
  }

  /** What a slab that is cut here would hold. */
  fresh(first: bigint, use: SlabUse): SlabSpace | undefined {
    const number = this.#numberOf(first);
    return number === undefined || use.unitLength < this.slabLength ? undefined : this.#made(number, use);
  }

  #made(number: number, use: SlabUse | undefined): SlabSpace {
    const old = this.#space(number);
    const made = new SlabSpace(old.place, use);
    for (const taken of old.firsts()) made.take(taken);
    return made;
  }

  /** First addresses where no slab's key exists, ascending. */
  *uncut(): Iterable<bigint> {
    for (let n = this.#cut.nextAbsent(0); n !== undefined; n = this.#cut.nextAbsent(n + 1)) yield this.slabFirst(n);
  }
}
