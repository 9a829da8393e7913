// Unit set: small integers, with the lowest that is absent found in O(log32 of the size).
//
// A tree of words of 32 bits, kept sparse: a bit of level 0 is a member, a bit of a higher level a full word below.
// Filled from below it costs about 2 bytes a member (a map's entry for each 32), in the worst case 40.

/** Larger sets are cut to this: the tree stays within the 32-bit integers that shifts work on. */
export const mostUnits = 2 ** 30;

const full = -1;
const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

export class UnitSet {
  readonly size: number;
  #count = 0;
  readonly #levels: readonly Map<number, number>[];

  /** Of the integers from 0 to size - 1. */
  constructor(size: number) {
    this.size = size;
    const levels = [new Map<number, number>()];
    for (let words = Math.ceil(size / 32); words > 1; words = Math.ceil(words / 32)) levels.push(new Map());
    this.#levels = levels;
  }

  has(unit: number): boolean {
    return (((this.#levels[0]?.get(unit >>> 5) ?? 0) >>> (unit & 31)) & 1) === 1;
  }

  /** How many are in it. */
  get count(): number {
    return this.#count;
  }

  add(unit: number): void {
    if (this.has(unit)) return;
    this.#count += 1;
    let position = unit;
    for (const level of this.#levels) {
      const word = (level.get(position >>> 5) ?? 0) | (1 << (position & 31));
      level.set(position >>> 5, word);
      if (word !== full) return;
      position >>>= 5;
    }
  }

  delete(unit: number): void {
    if (!this.has(unit)) return;
    this.#count -= 1;
    let position = unit;
    for (const level of this.#levels) {
      const word = level.get(position >>> 5) ?? 0;
      const rest = word & ~(1 << (position & 31));
      if (rest === 0) level.delete(position >>> 5);
      else level.set(position >>> 5, rest);
      if (word !== full) return;
      position >>>= 5;
    }
  }

  /** The lowest that is absent and at least `from`. */
  nextAbsent(from: number): number | undefined {
    let position = from;
    for (const [height, level] of this.#levels.entries()) {
      const word = position >>> 5;
      const absent = ~(level.get(word) ?? 0) & (full << (position & 31));
      if (absent !== 0) return this.#descend(height, word * 32 + lowestBit(absent));
      position = word + 1;
    }
    return undefined;
  }

  #descend(height: number, from: number): number | undefined {
    let position = from;
    for (let below = height - 1; below >= 0; below -= 1) {
      position = position * 32 + lowestBit(~(this.#levels[below]?.get(position) ?? 0));
    }
    return position < this.size ? position : undefined;
  }

  /** In no order. */
  *[Symbol.iterator](): Iterator<number> {
    for (const [word, bits] of this.#levels[0] ?? []) {
      for (let rest = bits; rest !== 0; rest &= rest - 1) yield word * 32 + lowestBit(rest);
    }
  }
}
