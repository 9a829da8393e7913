// The nftables table of each namespace. Tunnels come and go as elements of hash sets, one set a unit length
// (an interval set re-reads itself on each change: 2 s at 100,000, measured), never as rules.

import type { MutableDataplane } from '#internal/dataplane/dataplane.ts';
import { put } from '#internal/dataplane/dataplane.ts';
import { accessLink, meshLink } from '#internal/dataplane/ownership.ts';
import { addressBits, addressFrom } from '#internal/netip/netip.ts';
import type { View } from './self.ts';

/** Ports of networks that let nothing else out: HTTP/3, DNS, NTP (IANA port numbers). */
const alternativePorts = [443, 53, 123];

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

const chain = (name: string, ...lines: readonly string[]): string =>
  [`chain ${name} {`, ...lines.map((line) => `\t${line}`), '}'].join('\n');

function popTable(view: View): string {
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
  ].join('\n');
}

function transportTable(view: View): string {
  const { endpoint4, endpoint6, endpointPort } = view.pop;
  const ports = alternativePorts.filter((port) => port !== endpointPort).join(', ');
  return [
    chain(
      'alternative_ports',
      'type nat hook prerouting priority dstnat; policy accept;',
      ...(endpoint4 === '' ? [] : [`ip daddr ${endpoint4} udp dport { ${ports} } redirect to :${endpointPort}`]),
      ...(endpoint6 === '' ? [] : [`ip6 daddr ${endpoint6} udp dport { ${ports} } redirect to :${endpointPort}`]),
    ),
    // Management answers on the mesh alone: what else arrives for its address range is not from us.
    chain(
      'input',
      'type filter hook input priority filter; policy accept;',
      ...(view.node.meshAddress === ''
        ? []
        : [
            `iifname != { "lo", "${meshLink}" } ${view.node.meshAddress.includes(':') ? 'ip6' : 'ip'} daddr ${view.node.meshAddress} drop`,
          ]),
    ),
  ].join('\n');
}

export function nft(view: View, into: MutableDataplane): void {
  put(into, 'ruleset', { netns: 'pop', text: popTable(view) });
  put(into, 'ruleset', { netns: 'transport', text: transportTable(view) });
}
