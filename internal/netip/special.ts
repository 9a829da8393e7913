// Special: space that no pool may be cut from, and who says so.

import { overlaps, type Prefix } from './prefix.ts';

export interface Excluded {
  readonly prefix: Prefix;
  readonly what: string;
  readonly source: string;
}

const row = (prefix: string, what: string, source: string): Excluded => ({ prefix: prefix as Prefix, what, source });

// Usable where nothing leaves for the internet; a flag of the network record allows them.
const documentation: readonly Excluded[] = [
  row('192.0.2.0/24', 'documentation', 'RFC 5737'),
  row('198.18.0.0/15', 'benchmarking', 'RFC 2544'),
  row('198.51.100.0/24', 'documentation', 'RFC 5737'),
  row('203.0.113.0/24', 'documentation', 'RFC 5737'),
  row('2001:db8::/32', 'documentation', 'RFC 3849'),
  row('3fff::/20', 'documentation', 'RFC 9637'),
];

// The IANA special-purpose registries (RFC 6890 and its later entries), multicast, and what is not ours any more.
// Narrow rows stand before the wide ones around them, so that the answer names the closest reason.
const excluded: readonly Excluded[] = [
  row('0.0.0.0/8', 'this network', 'RFC 791'),
  row('10.0.0.0/8', 'private use', 'RFC 1918'),
  row('44.192.0.0/10', 'sold in 2019, no longer amateur radio', 'ARDC'),
  row('100.64.0.0/10', 'shared by carrier-grade NAT', 'RFC 6598'),
  row('127.0.0.0/8', 'loopback', 'RFC 1122'),
  row('169.254.0.0/16', 'link local', 'RFC 3927'),
  row('172.16.0.0/12', 'private use', 'RFC 1918'),
  row('192.0.0.0/24', 'IETF protocol assignments', 'RFC 6890'),
  row('192.31.196.0/24', 'AS112', 'RFC 7535'),
  row('192.52.193.0/24', 'AMT', 'RFC 7450'),
  row('192.88.99.0/24', '6to4 relay anycast', 'RFC 7526'),
  row('192.168.0.0/16', 'private use', 'RFC 1918'),
  row('192.175.48.0/24', 'AS112', 'RFC 7534'),
  row('224.0.0.0/4', 'multicast', 'RFC 5771'),
  row('240.0.0.0/4', 'reserved', 'RFC 1112'),
  row('::/128', 'unspecified', 'RFC 4291'),
  row('::1/128', 'loopback', 'RFC 4291'),
  row('::ffff:0:0/96', 'IPv4-mapped', 'RFC 4291'),
  row('64:ff9b::/96', 'IPv4-IPv6 translation', 'RFC 6052'),
  row('64:ff9b:1::/48', 'IPv4-IPv6 translation', 'RFC 8215'),
  row('100::/64', 'discard only', 'RFC 6666'),
  row('100:0:0:1::/64', 'dummy prefix', 'RFC 9780'),
  row('2001::/23', 'IETF protocol assignments', 'RFC 2928'),
  row('2002::/16', '6to4', 'RFC 3056'),
  row('2620:4f:8000::/48', 'AS112', 'RFC 7534'),
  row('5f00::/16', 'segment routing', 'RFC 9602'),
  row('fc00::/7', 'unique local', 'RFC 4193'),
  row('fe80::/10', 'link local', 'RFC 4291'),
  row('ff00::/8', 'multicast', 'RFC 4291'),
  // IANA assigns global unicast from 2000::/3 only.
  row('::/3', 'not global unicast', 'RFC 4291'),
  row('4000::/2', 'not global unicast', 'RFC 4291'),
  row('8000::/1', 'not global unicast', 'RFC 4291'),
];

/** The first row that the prefix shares an address with. */
export function excludedSpace(prefix: Prefix, allow: { readonly documentation: boolean }): Excluded | undefined {
  const rows = allow.documentation ? excluded : [...documentation, ...excluded];
  return rows.find((candidate) => overlaps(candidate.prefix, prefix));
}
