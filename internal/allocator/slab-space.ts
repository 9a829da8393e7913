// Slab space: which units of one slab are taken, by the keys that exist under it.

import type { Range } from './ranges.ts';
import { mostUnits, UnitSet } from './unit-set.ts';

/** What a slab's record says, as far as it agrees with its key. */
export interface SlabUse {
  readonly unitLength: number;
  readonly homePopId: string;
}

/** The place of a slab in the number space. */
export interface SlabPlace {
  readonly first: bigint;
  readonly length: number;
  /** 32 or 128. */
  readonly bits: number;
}

interface Units {
  readonly from: number;
  readonly to: number;
}

// A routed /32 that ends in .0 or .255 is a good address by RFC 1812, but filters and clients that still think in
// classes drop it, and its holder never learns why: such addresses are given to nobody.
const unusableOctets: readonly number[] = [0, 255];

/** @param first address of a unit of that length, of 32 or 128 bits */
export function isUsable(bits: number, first: bigint, unitLength: number): boolean {
  return bits !== 32 || unitLength !== 32 || !unusableOctets.includes(Number(first & 0xffn));
}

function unusableUnits(place: SlabPlace, unitLength: number): readonly number[] {
  if (place.bits !== 32 || unitLength !== 32) return [];
  const lastOctet = Number(place.first & 0xffn);
  const count = 2 ** (32 - place.length);
  return unusableOctets.map((octet) => octet - lastOctet).filter((unit) => unit >= 0 && unit < count);
}

export class SlabSpace {
  readonly place: SlabPlace;
  readonly use: SlabUse | undefined;
  readonly #taken: UnitSet;
  /** Units that are given to nobody, ascending and apart. */
  readonly #closed: readonly Units[];
  /** First addresses under the slab's id that are no unit's place: hand-written, or there before the slab. */
  #strays: Set<bigint> | undefined;

  /** @param reserved what is reserved in it, ascending and apart */
  constructor(place: SlabPlace, use: SlabUse | undefined, reserved: readonly Range[]) {
    this.place = place;
    this.use = use;
    this.#taken = new UnitSet(use === undefined ? 0 : Math.min(mostUnits, 2 ** (use.unitLength - place.length)));
    this.#closed = use === undefined ? [] : this.#unitsOf(use, reserved);
  }

  #unitsOf({ unitLength }: SlabUse, reserved: readonly Range[]): readonly Units[] {
    const hostBits = BigInt(this.place.bits - unitLength);
    const unitAt = (address: bigint): number => Number((address - this.place.first) >> hostBits);
    const units = unusableUnits(this.place, unitLength).map((unit) => ({ from: unit, to: unit }));
    if (reserved.length === 0) return units;
    for (const { first, last } of reserved) {
      units.push({ from: Math.max(0, unitAt(first)), to: Math.min(this.#taken.size - 1, unitAt(last)) });
    }
    return apartUnits(units);
  }

  /** The same with other parts reserved. */
  reserving(reserved: readonly Range[]): SlabSpace {
    const made = new SlabSpace(this.place, this.use, reserved);
    for (const taken of this.firsts()) made.take(taken);
    return made;
  }

  /** The unit that begins with this address, if one does. */
  #unit(first: bigint): number | undefined {
    if (this.use === undefined) return undefined;
    const hostBits = BigInt(this.place.bits - this.use.unitLength);
    const offset = first - this.place.first;
    const unit = offset >> hostBits;
    return unit << hostBits !== offset || unit >= BigInt(this.#taken.size) ? undefined : Number(unit);
  }

  take(first: bigint): void {
    const unit = this.#unit(first);
    if (unit !== undefined) this.#taken.add(unit);
    else (this.#strays ??= new Set()).add(first);
  }

  release(first: bigint): void {
    const unit = this.#unit(first);
    if (unit !== undefined) this.#taken.delete(unit);
    else this.#strays?.delete(first);
  }

  /** First address of the lowest free unit whose number is at least `from`. */
  nextFree(from: number): { readonly unit: number; readonly first: bigint } | undefined {
    let unit = this.#taken.nextAbsent(from);
    for (const closed of this.#closed) {
      if (unit === undefined || unit < closed.from) break;
      if (unit <= closed.to) unit = this.#taken.nextAbsent(closed.to + 1);
    }
    if (unit === undefined || this.use === undefined) return undefined;
    return { unit, first: this.place.first + (BigInt(unit) << BigInt(this.place.bits - this.use.unitLength)) };
  }

  /** Every first address that was taken, in no order. */
  *firsts(): Iterable<bigint> {
    yield* this.#strays ?? [];
    if (this.use === undefined) return;
    const hostBits = BigInt(this.place.bits - this.use.unitLength);
    for (const unit of this.#taken) yield this.place.first + (BigInt(unit) << hostBits);
  }

  /** Units whose key exists. */
  get taken(): number {
    return this.#taken.count;
  }

  /** Units that can be given now. O(what is reserved of it, or what is taken of it where that is less). */
  free(): number {
    let closed = 0;
    for (const { from, to } of this.#closed) {
      closed += to - from + 1;
      if (to - from < this.#taken.count) {
        for (let unit = from; unit <= to; unit += 1) if (this.#taken.has(unit)) closed -= 1;
      } else {
        for (const unit of this.#taken) if (unit >= from && unit <= to) closed -= 1;
      }
    }
    return this.#taken.size - this.#taken.count - closed;
  }

  /** Neither a record nor anything under its id: it need not be remembered. */
  forgettable(): boolean {
    return this.use === undefined && (this.#strays === undefined || this.#strays.size === 0);
  }
}

/** One address may be unusable and lie in a reserved part; two reserved parts may lie in one unit. */
function apartUnits(units: readonly Units[]): readonly Units[] {
  const merged: Units[] = [];
  for (const { from, to } of units.toSorted((a, b) => a.from - b.from || b.to - a.to)) {
    const before = merged.at(-1);
    if (before === undefined || from > before.to) merged.push({ from, to });
    else if (to > before.to) merged.push({ from: before.to + 1, to });
  }
  return merged;
}
