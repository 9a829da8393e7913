// What the pop namespace itself answers and says: BGP and BFD with its neighbours, ICMP, states of flows to a sibling, and
// nothing else.

import { chokeOut, linkPrefix, siblingLink, syncPort, throughLink } from '#internal/dataplane/ownership.ts';
import { Plane } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { innerInput, innerOutput } from './nft-inner.ts';
import { accessAnd, chain } from './nft-text.ts';
import type { View } from './self.ts';
import { spanWay } from './sibling.ts';

/** IANA: BGP (RFC 4271), and BFD over one hop (RFC 5881 4). */
const bgpPort = 179;
const bfdPort = 3784;

/** RFC 5881 5, RFC 4861 7.1: what has another was sent from beyond the link. */
const oneHop = 255;

interface Neighbour {
  /** Of nft's language: where its packets come in. */
  readonly from: string;
  readonly address: string;
}

function neighbours(view: View): readonly Neighbour[] {
  const legs = view.legs.flatMap(({ link, far4, far6 }) =>
    [far4, far6].map((address) => ({ from: `iifname "${link}"`, address })),
  );
  const upstreams = view.upstreams
    .filter(({ plane }) => plane === Plane.POP)
    .flatMap(({ neighbor4, neighbor6 }) => [neighbor4, neighbor6])
    .filter((address) => address !== '')
    .map((address) => ({ from: `iifname != "${linkPrefix}*"`, address }));
  return [...legs, ...upstreams];
}

const ip = (address: string): string => (address.includes(':') ? 'ip6' : 'ip');
const icmp = (address: string): string => (address.includes(':') ? 'icmpv6' : 'icmp');
const lifetime = (address: string): string => (address.includes(':') ? 'ip6 hoplimit' : 'ip ttl');

export function nodeChains(view: View): readonly string[] {
  const near = neighbours(view);
  const way = spanWay(view);
  const loopbacks = [view.node.loopback4, view.node.loopback6].filter((address) => address !== '');
  return [
    chain(
      'input',
      'type filter hook input priority filter; policy drop;',
      'iifname "lo" accept',
      'ct state established,related accept',
      ...loopbacks.map((own) => `${icmp(own)} type echo-request ${ip(own)} daddr ${own} accept`),
      // An echo of its public address is all that a tunnel gets from a node.
      `iifname ${accessAnd(chokeOut)} drop`,
      // Neighbour solicitations and advertisements, and what keeps a switch sending these (MLD queries, RFC 3810 5.1).
      `icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit ${oneHop} accept`,
      'icmpv6 type mld-listener-query ip6 hoplimit 1 accept',
      ...(way === undefined ? [] : [`iifname "${siblingLink}" ip saddr ${way.far} udp dport ${syncPort} accept`]),
      `iifname "${throughLink}" icmp type echo-request accept`,
      ...near.flatMap(({ from, address }) => {
        const it = `${from} ${ip(address)} saddr ${address}`;
        return [
          `${it} tcp dport ${bgpPort} accept`,
          `${it} udp dport ${bfdPort} ${lifetime(address)} ${oneHop} accept`,
          `${it} ${icmp(address)} type echo-request accept`,
        ];
      }),
      ...innerInput(view),
    ),
    chain(
      'output',
      'type filter hook output priority filter; policy drop;',
      'oifname "lo" accept',
      'ct state established,related accept',
      // ICMP and ICMPv6 by number: nft has the names from /etc/protocols, which a small Debian lacks (package netbase).
      'meta l4proto { 1, 58 } accept',
      ...(way === undefined ? [] : [`oifname "${siblingLink}" ip daddr ${way.far} udp dport ${syncPort} accept`]),
      ...near.flatMap(({ address }) => {
        const it = `${ip(address)} daddr ${address}`;
        return [`${it} tcp dport ${bgpPort} accept`, `${it} udp dport ${bfdPort} accept`];
      }),
      ...innerOutput(view),
    ),
  ];
}
