// Slab space: which units of one slab are taken, by the keys that exist under it.

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

// A routed /32 that ends in .0 or .255 is a good address by RFC 1812, but filters and clients that still think in
// classes drop it, and its holder never learns why: such addresses are given to nobody.
function reserved(place: SlabPlace, unitLength: number): readonly number[] {
  if (place.bits !== 32 || unitLength !== 32) return [];
  const lastOctet = Number(place.first & 0xffn);
  const count = 2 ** (32 - place.length);
  return [0 - lastOctet, 255 - lastOctet].filter((unit) => unit >= 0 && unit < count);
}

export class SlabSpace {
  readonly place: SlabPlace;
  readonly use: SlabUse | undefined;
  readonly #taken: UnitSet;
  readonly #reserved: readonly number[];
  /** First addresses under the slab's id that are no free unit's place: hand-written, or there before the slab. */
  #strays: Set<bigint> | undefined;

  constructor(place: SlabPlace, use: SlabUse | undefined) {
    this.place = place;
    this.use = use;
    this.#taken = new UnitSet(use === undefined ? 0 : Math.min(mostUnits, 2 ** (use.unitLength - place.length)));
    this.#reserved = use === undefined ? [] : reserved(place, use.unitLength);
    for (const unit of this.#reserved) this.#taken.add(unit);
  }

  /** The unit that begins with this address, if one that can be given does. */
  #unit(first: bigint): number | undefined {
    if (this.use === undefined) return undefined;
    const hostBits = BigInt(this.place.bits - this.use.unitLength);
    const offset = first - this.place.first;
    const unit = offset >> hostBits;
    if (unit << hostBits !== offset || unit >= BigInt(this.#taken.size)) return undefined;
    return this.#reserved.includes(Number(unit)) ? undefined : Number(unit);
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
    const unit = this.#taken.nextAbsent(from);
    if (unit === undefined || this.use === undefined) return undefined;
    return { unit, first: this.place.first + (BigInt(unit) << BigInt(this.place.bits - this.use.unitLength)) };
  }

  /** Every first address that was taken, in no order. */
  *firsts(): Iterable<bigint> {
    yield* this.#strays ?? [];
    if (this.use === undefined) return;
    const hostBits = BigInt(this.place.bits - this.use.unitLength);
    for (const unit of this.#taken) {
      if (!this.#reserved.includes(unit)) yield this.place.first + (BigInt(unit) << hostBits);
    }
  }

  /** Neither a record nor anything under its id: it need not be remembered. */
  forgettable(): boolean {
    return this.use === undefined && (this.#strays === undefined || this.#strays.size === 0);
  }
}
