// Prefix trie: who holds space that meets a prefix, in as many steps as an address has bits.

import { addressBits, familyOf, firstNumber, type Prefix, prefixLength } from '#internal/netip/netip.ts';

interface Branch {
  /** Held at exactly this prefix. */
  readonly held: Set<string>;
  /** How many are held at or below. */
  count: number;
  zero?: Branch;
  one?: Branch;
}

export interface PrefixTrie {
  add(prefix: Prefix, holder: string): void;
  remove(prefix: Prefix, holder: string): void;
  /** Of those who hold something that overlaps the prefix: all around it, and at most `most` at it or inside. */
  meeting(prefix: Prefix, most?: number): readonly string[];
}

const branch = (): Branch => ({ held: new Set(), count: 0 });

function bitsOf(prefix: Prefix): string {
  const family = familyOf(prefix);
  const all = firstNumber(prefix).toString(2).padStart(addressBits(family), '0');
  return `${family === 4 ? '0' : '1'}${all.slice(0, prefixLength(prefix))}`;
}

const child = (at: Branch, bit: string): Branch | undefined => (bit === '0' ? at.zero : at.one);

function grown(at: Branch, bit: string): Branch {
  if (bit === '0') return (at.zero ??= branch());
  return (at.one ??= branch());
}

export function prefixTrie(): PrefixTrie {
  const root = branch();
  return {
    add(prefix, holder) {
      const path = [root];
      let at = root;
      for (const bit of bitsOf(prefix)) path.push((at = grown(at, bit)));
      if (at.held.has(holder)) return;
      at.held.add(holder);
      for (const each of path) each.count += 1;
    },
    remove(prefix, holder) {
      const path = [root];
      let at: Branch | undefined = root;
      for (const bit of bitsOf(prefix)) {
        at = child(at, bit);
        if (at === undefined) return;
        path.push(at);
      }
      if (!at.held.delete(holder)) return;
      for (const each of path) each.count -= 1;
    },
    meeting(prefix, most = 4) {
      const found: string[] = [];
      let at: Branch | undefined = root;
      for (const bit of bitsOf(prefix)) {
        found.push(...at.held);
        at = child(at, bit);
        if (at === undefined) return found;
      }
      return [...found, ...within(at, most)];
    },
  };
}

function within(at: Branch, most: number): readonly string[] {
  const found: string[] = [];
  const waiting: (Branch | undefined)[] = [at];
  for (let next = waiting.pop(); next !== undefined && found.length < most; next = waiting.pop()) {
    found.push(...next.held);
    // Empty branches stay: only those with something below are entered.
    for (const below of [next.zero, next.one]) if (below !== undefined && below.count > 0) waiting.push(below);
  }
  return found.slice(0, most);
}
