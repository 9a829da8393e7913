// The nftables table of the transport namespace: default drop on the way in. Open are WireGuard's ports, what BIRD and
// IP itself need, and what the operator names in node.json; management answers on the mesh alone.
//
// The way out stays open: whatever runs on this machine is its operator's (updates, time, names), and to cut that off
// is to lock him out. What must not leave is named. What the machine forwards is his too.

import {
  accessFwmark,
  anycastAddress,
  anycastNumber,
  leaseSet,
  meshLink,
  vxlanPort,
} from '#internal/dataplane/ownership.ts';
import { type Node, Plane, type Pop, type Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { endpointHost } from '#internal/netip/netip.ts';
import type { Edge, HostService } from './edge.ts';
import {
  answers,
  type Family,
  families,
  field,
  list,
  redirected,
  redirectedSets,
  redirects,
  toAlternatives,
  toEndpoint,
  toPorts,
} from './nft-endpoint.ts';
import { handshakeGate } from './nft-handshakes.ts';
import { comingBack, leaving, tripSetTexts } from './nft-round-trips.ts';
import { chain } from './nft-text.ts';
import { byText, type Leg, type View } from './self.ts';
import type { Sibling } from './sibling.ts';

/** New flows a second by the alternative ports, which need connection tracking: 30 s each, so 15,000 entries at most. */
const newTracked = 'ct status dnat ct state new limit rate over 500/second burst 500 packets drop';

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4);
const ofFamily = (family: Family, addresses: readonly string[]): readonly string[] =>
  [...new Set(addresses)].filter((address) => address !== '' && familyOf(address) === family).sort(byText);

/** What the records add to a node's own configuration. */
export interface Known {
  readonly pop: Pop;
  readonly legs: readonly Leg[];
  readonly upstreams: readonly Upstream[];
  readonly sibling?: Sibling;
  /** Nodes that share its endpoint. */
  readonly group: readonly Pick<Node, 'asn'>[];
}

const neighboursOf = (edge: Edge | undefined, known: Known | undefined): Record<Family, readonly string[]> => {
  const addresses = [
    ...(edge?.mesh.peers.map((peer) => endpointHost(peer.endpoint)) ?? []),
    ...(known?.legs.flatMap(({ far, farUnderlay }) => [far.underlay4, far.underlay6, farUnderlay]) ?? []),
  ];
  return { 4: ofFamily(4, addresses), 6: ofFamily(6, addresses) };
};

/** UDP ports of interconnects and of the mesh, on whatever address of this machine. */
const linkPorts = (edge: Edge | undefined, known: Known | undefined): readonly number[] =>
  [
    ...new Set([...(edge === undefined ? [] : [edge.mesh.port]), ...(known?.legs.map((leg) => leg.listenPort) ?? [])]),
  ].sort((a, b) => a - b);

const toLinks = (edge: Edge | undefined, known: Known | undefined): readonly string[] => {
  const ports = linkPorts(edge, known);
  return ports.length === 0 ? [] : [`udp dport ${list(ports)} fib daddr type local`];
};

/** A table of connections is what a flood fills first; but the alternative ports need it for the way back. */
const untracked = (edge: Edge | undefined, known: Known | undefined): readonly string[] => [
  ...(known === undefined ? [] : toEndpoint(known.pop, toPorts(known.pop))),
  ...toLinks(edge, known),
];

const service = ({ protocol, port, sources }: HostService): readonly string[] =>
  sources === undefined
    ? [`${protocol} dport ${port} accept`]
    : families.flatMap((family) => {
        const from = ofFamily(family, sources);
        // Prefixes in a set of its own would be intervals; these few are rules.
        return from.map((prefix) => `${field[family]} saddr ${prefix} ${protocol} dport ${port} accept`);
      });

/** A machine joins once in its life and a person keeps a connection: so many new ones a second are enough for all of them. */
const strangers = ({ strangersAddresses }: Edge): readonly string[] =>
  strangersAddresses.map((address) => {
    const host = endpointHost(address);
    const port = address.slice(address.lastIndexOf(':') + 1);
    return `${field[familyOf(host)]} daddr ${host} tcp dport ${port} limit rate 20/second burst 50 packets accept`;
  });

/** BIRD's neighbours: BGP (RFC 4271), and single-hop BFD where it is configured (RFC 5881 4, 5: port and TTL). */
const routing = (known: Known | undefined): readonly string[] =>
  (known?.upstreams ?? [])
    .filter((upstream) => upstream.plane === Plane.TRANSPORT)
    .flatMap(({ neighbor4, neighbor6, bfd }) =>
      [neighbor4, neighbor6]
        .filter((neighbor) => neighbor !== '')
        .flatMap((neighbor) => {
          const from = `${field[familyOf(neighbor)]} saddr ${neighbor}`;
          const nearest = familyOf(neighbor) === 4 ? 'ip ttl 255' : 'ip6 hoplimit 255';
          return [`${from} tcp dport 179 accept`, ...(bfd ? [`${from} udp dport 3784 ${nearest} accept`] : [])];
        }),
    );

/**
 * The sibling's BIRD: as above by the heartbeat link, by the underlay with BFD over hops (RFC 5883 5: port 4784). And the
 * states of its connections by VXLAN, which has no key, as little as BFD, which decides who leads: the link leads to the
 * sibling and nowhere else, and a packet with this TTL was sent by who is on the link that it came by (RFC 5082): on this one,
 * and not on the uplink's, where the way back to its source would be another (RFC 3704 2.2).
 */
const siblings = ({ heartbeat, underlay }: Sibling): readonly string[] => {
  const near = `${field[familyOf(heartbeat.far)]} saddr ${heartbeat.far}`;
  const far = `${field[familyOf(underlay.far)]} saddr ${underlay.far}`;
  const nearest = familyOf(heartbeat.far) === 4 ? 'ip ttl 255' : 'ip6 hoplimit 255';
  return [
    ...[near, far].map((from) => `${from} tcp dport 179 accept`),
    `${near} udp dport 3784 ${nearest} accept`,
    `${near} udp dport ${vxlanPort} ${nearest} fib saddr . iif oif exists accept`,
    `${far} udp dport 4784 accept`,
  ];
};

/** While the heartbeat link is down, the way to its addresses is the default route: nothing of customers leaves by that. */
const onHeartbeatAlone = ({ heartbeat }: Sibling): string => {
  const ip = field[familyOf(heartbeat.far)];
  return `udp dport ${vxlanPort} ${ip} daddr ${heartbeat.far} rt ${ip} nexthop != ${heartbeat.far} drop`;
};

/**
 * Of a pair: WireGuard hears and speaks from the endpoint while UDP stands in the lease, which this node's own BFD packets
 * renew and nothing but its privileged half begins. BIRD's silence of this long is what its sibling takes for its end; a
 * node that stood still is fenced before it runs on, by a kernel that needs nobody.
 */
const leaseText = 'timeout 400ms';
const withoutLease = `meta l4proto != @${leaseSet} drop`;
const fence = (sibling: Sibling): readonly string[] => [
  `set ${leaseSet} { type inet_proto; size 4; flags dynamic,timeout; ${leaseText}; }`,
  chain(
    'fence',
    'type filter hook output priority filter; policy accept;',
    `udp dport { 3784, 4784 } meta l4proto @${leaseSet} update @${leaseSet} { meta l4proto }`,
    `meta mark ${accessFwmark} ${withoutLease}`,
    ...leaving.map((rule) => `meta mark ${accessFwmark} ${rule}`),
    onHeartbeatAlone(sibling),
  ),
];

/** ICMP done right (RFC 4890, RFC 1191): errors come in whatever they are about; WireGuard's flows are not tracked. */
const icmp: readonly string[] = [
  'icmp type { destination-unreachable, time-exceeded, parameter-problem } limit rate 1000/second burst 200 packets accept',
  'icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } limit rate 1000/second burst 200 packets accept',
  'icmp type echo-request limit rate 200/second burst 200 packets accept',
  'icmpv6 type echo-request limit rate 200/second burst 200 packets accept',
  // RFC 4861 7.1: of the link itself, or dropped.
  'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } ip6 hoplimit 255 accept',
  'icmpv6 type mld-listener-query ip6 saddr fe80::/10 accept',
];

/** Answers to a client's broadcast, which connection tracking does not know (RFC 2131 4.1, RFC 8415 7.2). */
const addresses: readonly string[] = [
  'udp sport 67 udp dport 68 accept',
  'ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept',
];

/** What they hand to this node goes by VXLAN through the mesh, whose keys say that it is from them. */
const handed = (known: Known | undefined): readonly string[] => {
  const from = (known?.group ?? []).map(({ asn }) => anycastAddress(anycastNumber(asn))).sort(byText);
  return from.length === 0 ? [] : [`ip saddr ${list(from)} udp dport ${vxlanPort} accept`];
};

function mesh({ mesh: own, managementPorts }: Edge, known: Known | undefined): string {
  const members = families.flatMap((family) => {
    const from = ofFamily(
      family,
      own.peers.map((peer) => peer.address),
    );
    return from.length === 0 ? [] : [`${field[family]} saddr ${list(from)} goto member`];
  });
  return [
    chain(
      'member',
      'ct state established,related accept',
      // By number: nft has the names from /etc/protocols, which a small Debian lacks (package netbase).
      'meta l4proto { 1, 58 } accept',
      `tcp dport ${list(managementPorts)} accept`,
      'jump host_services',
      'drop',
    ),
    chain('mesh', ...members, ...handed(known), 'drop'),
  ].join('\n');
}

const endpoint = ({ pop, sibling }: Known): readonly string[] => [
  ...(sibling === undefined ? [] : [`udp dport ${toPorts(pop)} ${withoutLease}`]),
  // Tracked is what `redirect` has led to it: that is noted further down.
  ...toEndpoint(pop, toPorts(pop)).map((match) => `${match} ct state untracked accept`),
];

/** @param known absent until a snapshot knows this node: then the mesh and the operator are let in, and nobody else */
export function transportText(edge: Edge | undefined, known: Known | undefined): string {
  const ports = linkPorts(edge, known);
  const meshAddress = edge?.mesh.address ?? '';
  const notOnMesh = `{ "lo", "${meshLink}" }`;
  const ofMesh = meshAddress === '' ? '' : field[familyOf(meshAddress)];
  return [
    ...(known?.sibling === undefined ? [] : [...tripSetTexts, ...fence(known.sibling)]),
    ...handshakeGate(
      { untracked: untracked(edge, known), tracked: known === undefined ? [] : toAlternatives(known.pop) },
      neighboursOf(edge, known),
      known?.sibling === undefined ? [] : comingBack,
    ),
    ...(known === undefined
      ? []
      : [
          ...redirectedSets,
          chain(
            'alternative_ports',
            'type nat hook prerouting priority dstnat; policy accept;',
            ...redirects(known.pop),
          ),
        ]),
    chain(
      'leaving',
      'type filter hook output priority raw; policy accept;',
      // While the mesh is down its addresses would leave by the default route, in the clear.
      ...(meshAddress === '' ? [] : [`${ofMesh} saddr ${meshAddress} oifname != ${notOnMesh} drop`]),
      ...answers(known?.pop, ports),
    ),
    chain('host_services', ...(edge?.hostServices ?? []).flatMap(service)),
    ...(edge === undefined ? [] : [mesh(edge, known)]),
    chain(
      'input',
      'type filter hook input priority filter; policy drop;',
      'iifname "lo" accept',
      // What WireGuard hears is nearly all that comes in.
      ...(known === undefined ? [] : endpoint(known)),
      ...(edge === undefined ? [] : [`iifname "${meshLink}" goto mesh`]),
      // Management answers on the mesh alone: what else arrives for its address is not from us.
      ...(meshAddress === '' ? [] : [`${ofMesh} daddr ${meshAddress} drop`]),
      ...(known === undefined ? [] : [newTracked, ...redirected(known.pop)]),
      ...(ports.length === 0 ? [] : [`udp dport ${list(ports)} accept`]),
      ...icmp,
      'fib saddr type != unicast drop',
      'ct state established,related accept',
      ...routing(known),
      ...(known?.sibling === undefined ? [] : siblings(known.sibling)),
      ...addresses,
      ...(edge === undefined ? [] : strangers(edge)),
      'jump host_services',
    ),
  ].join('\n');
}

export const transportTable = (view: View): string => transportText(view.self.edge, view);
