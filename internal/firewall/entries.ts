// Entries: own rules as what tables of a fixed shape hold. A packet's source is looked up first, from the longest block
// length to the shortest: the block that holds it names a group, the sources that cover that block. Then protocol and
// ports are looked up within the group. Group 0 is anywhere. So a packet costs a number of lookups that no rule changes.

import { contains, familyOf, type Prefix, prefixLength } from '#internal/netip/netip.ts';
import type { Rule } from './policy.ts';
import { icmp } from './policy.ts';
import { type PortBlock, portBlocks } from './port-blocks.ts';
import { sourceBlocks } from './source-blocks.ts';

export type Family = 4 | 6;

export interface Entries {
  /** The protocol with whatever ports it has. */
  readonly protocols: readonly { readonly group: number; readonly protocol: number }[];
  readonly ports: readonly ({ readonly group: number; readonly protocol: number } & PortBlock)[];
  readonly sources: readonly { readonly block: Prefix; readonly group: number }[];
}

/** RFC 4443 1. */
const icmpv6 = 58;

const everywhere = ({ source }: Rule): boolean => source === undefined || prefixLength(source) === 0;

/** The same entry of several rules once. */
function once<T>(entries: readonly T[]): readonly T[] {
  return [...new Map(entries.map((entry) => [JSON.stringify(entry), entry])).values()];
}

/**
 * Of one family; rules with sources of the other are left out. A group's rules without a source are not repeated in it:
 * they are looked up in group 0 before. O(rules²) at most, for 64 of them.
 */
export function entriesOf(rules: readonly Rule[], family: Family): Entries {
  const own = rules.filter(({ source }) => source === undefined || familyOf(source) === family);
  const narrow = own.filter((rule) => !everywhere(rule));
  const blocks = [...new Set(narrow.flatMap(({ source }) => (source === undefined ? [] : sourceBlocks(source))))];
  const groups = new Map<string, { readonly group: number; readonly rules: readonly Rule[] }>();
  const sources = blocks.map((block) => {
    const covering = narrow.filter(({ source }) => source !== undefined && contains(source, block));
    const name = covering.map((rule) => narrow.indexOf(rule)).join(' ');
    const found = groups.get(name) ?? { group: groups.size + 1, rules: covering };
    groups.set(name, found);
    return { block, group: found.group };
  });
  const all = [{ group: 0, rules: own.filter(everywhere) }, ...groups.values()];
  const protocolIn = (rule: Rule): number => (rule.protocol === icmp && family === 6 ? icmpv6 : rule.protocol);
  return {
    protocols: once(
      all.flatMap(({ group, rules: within }) =>
        within.filter((rule) => rule.firstPort === 0).map((rule) => ({ group, protocol: protocolIn(rule) })),
      ),
    ),
    ports: once(
      all.flatMap(({ group, rules: within }) =>
        within
          .filter((rule) => rule.firstPort !== 0)
          .flatMap(({ protocol, firstPort, lastPort }) =>
            portBlocks(firstPort, lastPort).map((block) => ({ group, protocol, ...block })),
          ),
      ),
    ),
    sources,
  };
}
