// Source blocks: a prefix as blocks of few lengths, so that a fixed number of masked lookups finds where a packet is from.

import { familyOf, nthSubprefix, type Prefix, prefixLength, subprefixCount } from '#internal/netip/netip.ts';

const every4 = (from: number, to: number): readonly number[] =>
  Array.from({ length: (to - from) / 4 + 1 }, (_, at) => from + 4 * at);

/** Steps of 4 bits: at most 8 blocks a prefix. IPv6 beyond /64 are single machines: nobody routes what lies between. */
export const sourceLengths = { 4: every4(8, 32), 6: [...every4(16, 64), 128] } as const;

/** Undefined: a rule may name it. Shorter ones would be hundreds of blocks, and mean the whole internet. */
export function sourceProblem(source: Prefix): { readonly problem: string; readonly cure: string } | undefined {
  const family = familyOf(source);
  const length = prefixLength(source);
  const lengths = sourceLengths[family];
  const [least, most] = family === 4 ? [8, 32] : [16, 64];
  if (length === 0 || (length >= least && length <= most) || lengths.includes(length)) return undefined;
  const others = family === 6 ? ', /128' : '';
  return {
    problem: 'has a length that no rule takes',
    cure: `/${least} to /${most}${others}, or /0 for all of IPv${family}`,
  };
}

/** Wants a source without a problem, of another length than 0. */
export function sourceBlocks(source: Prefix): readonly Prefix[] {
  const length = sourceLengths[familyOf(source)].find((each) => each >= prefixLength(source)) ?? prefixLength(source);
  const count = subprefixCount(source, length);
  return Array.from({ length: Number(count) }, (_, at) => nthSubprefix(source, length, BigInt(at)));
}
