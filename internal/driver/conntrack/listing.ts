// Listing: which prefixes have flows, by what conntrack(8) prints.

import { hostPrefix, longestOf, parseAddress, parsePrefix, supernet } from '#internal/netip/netip.ts';

/** Of the side that began: the reply's addresses are the same, where nothing is translated. */
const beginning = /src=(\S+) dst=(\S+)/;

/** Those of the prefixes that a flow is from or to. `text`: what `conntrack -L` prints. O(flows + prefixes). */
export function holdingFlows(text: string, prefixes: readonly string[]): readonly string[] {
  const wanted = new Set(prefixes);
  const lengths = [...new Set(prefixes.map((prefix) => Number(prefix.slice(prefix.indexOf('/') + 1))))];
  const holding = new Set<string>();
  const looked = new Set<string>();
  const look = (word: string): void => {
    // Thousands of flows have an address in common.
    if (looked.has(word)) return;
    looked.add(word);
    const address = parseAddress(word);
    if (typeof address !== 'string') return;
    for (const length of lengths) {
      const prefix = supernet(hostPrefix(address), length);
      if (wanted.has(prefix)) holding.add(prefix);
    }
  };
  for (const line of text.split('\n')) {
    const [, from, to] = beginning.exec(line) ?? [];
    if (from !== undefined) look(from);
    if (to !== undefined) look(to);
  }
  return prefixes.filter((prefix) => holding.has(prefix));
}

/** Whether an address, as conntrack(8) prints it, lies in one of the prefixes. */
export function isOfAny(prefixes: readonly string[]): (word: string) => boolean {
  const find = longestOf(prefixes.map(parsePrefix).filter((prefix) => typeof prefix === 'string'));
  return (word) => {
    const address = parseAddress(word);
    return typeof address === 'string' && find(address) !== undefined;
  };
}
