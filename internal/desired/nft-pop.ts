// The nftables table of the pop namespace. Tunnels come and go as elements of hash sets, one set a unit length
// (an interval set re-reads itself on each change: 2 s at 100,000, measured), never as rules.

import { accessLink } from '#internal/dataplane/ownership.ts';
import { addressBits, addressFrom } from '#internal/netip/netip.ts';
import { shapingChains } from './nft-shaping.ts';
import { chain } from './nft-text.ts';
import type { View } from './self.ts';

export const tunnelSet = (family: 4 | 6, length: number): string => `t${family}_${length}`;

const declare = (family: 4 | 6, lengths: readonly number[]): readonly string[] =>
  lengths.map((length) => `set ${tunnelSet(family, length)} { type ipv${family}_addr; }`);

const netmask = (family: 4 | 6, length: number): string => {
  const bits = BigInt(addressBits(family));
  return addressFrom(family, ((1n << BigInt(length)) - 1n) << (bits - BigInt(length)));
};

/** `field` is one of the tunnels' prefixes of this length. */
const match = (family: 4 | 6, field: 'saddr' | 'daddr', length: number): string => {
  const address = `${family === 4 ? 'ip' : 'ip6'} ${field}`;
  const whole = length === (family === 4 ? 32 : 128);
  return `${whole ? address : `${address} & ${netmask(family, length)}`} @${tunnelSet(family, length)} return`;
};

const matches = (view: View, field: 'saddr' | 'daddr'): readonly string[] => [
  ...view.units4.map((length) => match(4, field, length)),
  ...view.units6.map((length) => match(6, field, length)),
];

export function popTable(view: View): string {
  return [
    ...declare(4, view.units4),
    ...declare(6, view.units6),
    // A tunnel sends from its own prefixes only, whatever AllowedIPs say.
    chain('from_tunnel', ...matches(view, 'saddr'), 'drop'),
    // An address that nobody holds answers at once instead of leading into the dark.
    chain('to_tunnel', ...matches(view, 'daddr'), 'reject with icmpx host-unreachable'),
    chain(
      'forward',
      'type filter hook forward priority filter; policy accept;',
      `iifname "${accessLink}" jump from_tunnel`,
      `oifname "${accessLink}" jump to_tunnel`,
      // Both ways: the only cure for a path that swallows "packet too big" (it only ever lowers).
      'tcp flags syn / syn,rst tcp option maxseg size set rt mtu',
    ),
    // The node's own services are not for tunnels: an echo is all they get. ICMP and ICMPv6 by number: nft has the names
    // from /etc/protocols, which a small Debian lacks (package netbase).
    chain(
      'input',
      'type filter hook input priority filter; policy accept;',
      `iifname "${accessLink}" meta l4proto { 1, 58 } accept`,
      `iifname "${accessLink}" drop`,
    ),
    ...shapingChains(view),
  ].join('\n');
}
