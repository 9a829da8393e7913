// Garble: bytes that were right, made wrong: bits turned, cut off, doubled, put in, blown up. The same for the same seed.

import { randomFrom } from './random.ts';

export type Garble = (right: Uint8Array) => Uint8Array;

/** Bytes that an oversized one has in its middle at most. */
const mostAdded = 20_000;

export function garbleFrom(seed: number): Garble {
  const random = randomFrom(seed);
  const below = (most: number): number => Math.floor(random() * most);
  const bytes = (count: number): Buffer => Buffer.from(Array.from({ length: count }, () => below(256)));
  const once = (right: Buffer): Buffer => {
    const at = below(right.length + 1);
    switch (below(6)) {
      case 0: {
        const turned = Buffer.from(right);
        for (let count = 1 + below(4); count > 0 && turned.length > 0; count -= 1) {
          const place = below(turned.length);
          turned[place] = (turned[place] ?? 0) ^ (1 << below(8));
        }
        return turned;
      }
      case 1:
        return right.subarray(0, at);
      case 2:
        return right.subarray(at);
      case 3:
        return Buffer.concat([right.subarray(0, at), bytes(1 + below(16)), right.subarray(at)]);
      case 4:
        return Buffer.concat([right, right.subarray(at)]);
      default:
        return Buffer.concat([right.subarray(0, at), Buffer.alloc(below(mostAdded), below(256)), right.subarray(at)]);
    }
  };
  return (right) => {
    let made = Buffer.from(right);
    for (let count = 1 + below(3); count > 0; count -= 1) made = Buffer.from(once(made));
    return made;
  };
}

/** `npm run fuzz` takes ten times as many, and another seed each time, which a failure tells. */
const long = process.env['POP44_FUZZ'] === 'long';
export const cases = (usual: number): number => (long ? usual * 10 : usual);
export const seed = long ? Number(process.env['POP44_SEED'] ?? Math.floor(Math.random() * 2 ** 31)) : 44;
