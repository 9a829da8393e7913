// Netip: addresses, prefixes and WireGuard keys as branded canonical text, and the arithmetic on them.
//
// On the path: everything that comes in from outside is parsed here once; inside, the brand is trusted.
// Never: repairs what it is given (an address with host bits is answered with the right prefix, not taken for it),
// and never decides what a range means for a realm.

export type { Family, IpAddress, Unreadable } from './address.ts';
export { addressFrom, addressNumber, familyOf, isUnicast, parseAddress } from './address.ts';
export { endpointAddress, endpointAt, endpointHost } from './endpoint.ts';
export type { Prefix } from './prefix.ts';
export {
  addressBits,
  comparePrefixes,
  contains,
  firstAddress,
  firstHex,
  firstNumber,
  hostPrefix,
  indexIn,
  nthSubprefix,
  overlaps,
  parsePrefix,
  prefixFrom,
  prefixFromHex,
  prefixLength,
  subprefixCount,
  supernet,
} from './prefix.ts';
export type { Excluded } from './special.ts';
export { excludedSpace } from './special.ts';
export { longestOf } from './within.ts';
export type { WgKey } from './wg-key.ts';
export { parseWgKey, wgKeyHex } from './wg-key.ts';
