// Paper block: a second reckoning with prefixes, which knows nothing of netip: a block is two numbers.

export interface Block {
  readonly bits: 32 | 128;
  readonly first: bigint;
  readonly length: number;
}

export function block(text: string): Block {
  const [address = '', length] = text.split('/');
  if (!address.includes(':')) {
    const first = address.split('.').reduce((sum, octet) => sum * 256n + BigInt(octet), 0n);
    return { bits: 32, first, length: Number(length) };
  }
  const [left = [], right = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''));
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const first = [...left, ...zeros, ...right].reduce((sum, group) => sum * 65_536n + BigInt(`0x${group}`), 0n);
  return { bits: 128, first, length: Number(length) };
}

/** As it can be read back: `44.60.0.0/26`, `2a00:44:0:0:0:0:0:0/48`. */
export function textOf({ bits, first, length }: Block): string {
  const [width, count, base, joint] = bits === 32 ? ([8, 4, 10, '.'] as const) : ([16, 8, 16, ':'] as const);
  const groups = Array.from({ length: count }, (_, at) =>
    BigInt.asUintN(width, first >> BigInt(width * (count - 1 - at))),
  );
  return `${groups.map((group) => group.toString(base)).join(joint)}/${length}`;
}

const sizeOf = ({ bits, length }: Block): bigint => 1n << BigInt(bits - length);

export const meet = (a: Block, b: Block): boolean =>
  a.bits === b.bits && a.first < b.first + sizeOf(b) && b.first < a.first + sizeOf(a);
export const holds = (outer: Block, inner: Block): boolean => outer.length <= inner.length && meet(outer, inner);
export const same = (a: Block, b: Block): boolean => a.length === b.length && meet(a, b);

export function* parts(whole: Block, length: number): Iterable<Block> {
  const part = { ...whole, length };
  for (let { first } = whole; first < whole.first + sizeOf(whole); first += sizeOf(part)) yield { ...part, first };
}

/** Addresses that are given to nobody. */
export const isUnusable = ({ bits, first, length }: Block): boolean =>
  bits === 32 && length === 32 && [0n, 255n].includes(first & 255n);
