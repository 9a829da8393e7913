// Within: which of many prefixes an address lies in, by a look for each length that there is.

import { type Family, type IpAddress, familyOf } from './address.ts';
import { hostPrefix, type Prefix, prefixLength, supernet } from './prefix.ts';

/** Gives the longest of the prefixes that an address lies in. O(prefixes), then O(lengths) for each address. */
export function longestOf(prefixes: Iterable<Prefix>): (address: IpAddress) => Prefix | undefined {
  const known = new Set(prefixes);
  const lengths: Readonly<Record<Family, Set<number>>> = { 4: new Set(), 6: new Set() };
  for (const prefix of known) lengths[prefix.includes(':') ? 6 : 4].add(prefixLength(prefix));
  const longestFirst = { 4: [...lengths[4]].sort((a, b) => b - a), 6: [...lengths[6]].sort((a, b) => b - a) };
  return (address) => {
    const host = hostPrefix(address);
    for (const length of longestFirst[familyOf(address)]) {
      const prefix = supernet(host, length);
      if (known.has(prefix)) return prefix;
    }
    return undefined;
  };
}
