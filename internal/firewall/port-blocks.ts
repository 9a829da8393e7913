// Port blocks: a range of ports as aligned blocks of few sizes, so that a fixed number of masked lookups finds it.

/**
 * Powers of 4: 8 lookups and at most 44 blocks a range. Powers of 2 would be 16 and 30, powers of 16 would be 4 and 104.
 * All 65,536 ports are no block: they are a rule about the protocol.
 */
export const portBlockSizes = [1, 4, 16, 64, 256, 1024, 4096, 16_384] as const;
export type PortBlockSize = (typeof portBlockSizes)[number];

export interface PortBlock {
  readonly first: number;
  readonly size: PortBlockSize;
}

/** The fewest blocks that are together exactly the range, in order. */
export function portBlocks(firstPort: number, lastPort: number): readonly PortBlock[] {
  const blocks: PortBlock[] = [];
  for (let first = firstPort; first <= lastPort; ) {
    const size = portBlockSizes.findLast((each) => first % each === 0 && first + each - 1 <= lastPort) ?? 1;
    blocks.push({ first, size });
    first += size;
  }
  return blocks;
}
