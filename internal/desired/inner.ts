// Inner: OSPF on the interconnects between trusted nodes, and iBGP between their loopbacks, as text of BIRD (adr/0047).
//
// OSPF leads to loopbacks and links, iBGP tells everything else. Each has a table of its own: next hops are looked up among
// what OSPF has found alone, as the master table's default route would lead to everybody; and a route whose next hop is lost
// leaves the master table at once, whatever its preference, though its session goes on for as long as BGP waits.

import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { fullShare } from '#internal/verdict/verdict.ts';
import { lowered, loweredHere } from './lowered.ts';
import { movedHere } from './moves.ts';
import type { Family } from './origin.ts';
import type { Leg, View } from './self.ts';
import { innerSessionName, ospfName } from './session-names.ts';

/** Of one direction of a link: a hop. */
const hop = 10;
/** Two hops more, as with eBGP: a path that flaps. */
const detour = 2 * hop;
/** More than any path that is not drained. */
const drained = 1_000;
/** RFC 5838 2.1: instances of the IPv4 unicast family begin at 64, of the IPv6 family at 0. */
const instance = { 4: 64, 6: 0 } as const;
/** Below eBGP's 100: while both stand, loopbacks are where eBGP says. */
const nodePreference = 90;
/**
 * Number of the fabric towards itself, of which nobody else hears: iBGP wants one at both ends, and puts it into no path. The last
 * private one (RFC 6996): far from those of nodes, HAMNET's and dn42's.
 */
const fabricAsn = 4_294_967_294;
/**
 * Hops that routes by iBGP count for: more than eBGP's have in any fabric, so that while both stand the same nodes' routes by eBGP
 * win at every node, whatever their preference.
 */
const innerHops = 8;
/** Seconds. A machine may stand still for two; a node that is gone is known by OSPF before. */
const innerTimers = 'hold time 9; keepalive time 3;';
/** Seconds: BFD tells of a loss. An adjacency begins with a hello. */
const ospfTimers = 'hello 1; dead 10;';

const whole = (family: Family): number => (family === 4 ? 32 : 128);
export const loopbackOf = (node: Node, family: Family): string => (family === 4 ? node.loopback4 : node.loopback6);

/** Those whom this node tells its routes of a family. */
export const innerPeers = ({ inner, node }: View, family: Family): readonly Node[] =>
  inner === undefined || loopbackOf(node, family) === ''
    ? []
    : inner.others.filter((other) => loopbackOf(other, family) !== '');

/** Each direction has a cost of its own, and all nodes reckon with the same: they cannot disagree on a way. */
function costOf({ self, node }: View, { link, leaving }: Leg): number {
  const { detour: flaps } = self.shares?.get(link) ?? fullShare;
  return hop + (leaving ? 1 : 0) + (flaps ? detour : 0) + (node.drain === undefined ? 0 : drained);
}

const interfaceText = (view: View, leg: Leg): string => {
  const { weight } = view.self.shares?.get(leg.link) ?? fullShare;
  return `    interface "${leg.link}" { type ptp; cost ${costOf(view, leg)}; ecmp weight ${weight}; ${ospfTimers} bfd on; };`;
};

const ospfText = (view: View, family: Family): readonly string[] => [
  `protocol ospf v3 ${ospfName(family)} {`,
  `  instance id ${instance[family]}; ecmp yes limit 16;`,
  `  ipv${family} { table p44igp${family}; import all; export none; };`,
  '  area 0 {',
  `    stubnet ${loopbackOf(view.node, family)}/${whole(family)} { cost 0; };`,
  ...view.legs.filter(({ ospf }) => ospf).map((leg) => interfaceText(view, leg)),
  '  };',
  '}',
];

const sessionText = (view: View, far: Node, family: Family): readonly string[] => {
  const longer = ` bgp_path.prepend(${far.asn});`.repeat(innerHops);
  // What was learned from others of us they have told everybody themselves.
  const told =
    view.node.drain === undefined ? 'export all' : `export filter { if source = RTS_BGP then ${lowered} accept; }`;
  return [
    `protocol bgp ${innerSessionName(far.id, family)} {`,
    `  local ${loopbackOf(view.node, family)} as ${fabricAsn}; neighbor ${loopbackOf(far, family)} as ${fabricAsn}; multihop;`,
    `  connect delay time 1; connect retry time 2; error wait time 1, 8; ${innerTimers}`,
    '  graceful restart on; graceful restart time 30;',
    `  ipv${family} {`,
    `    table p44inner${family}; igp table p44igp${family}; next hop self; import limit 200000 action block;`,
    `    import filter { if !(p44_fabric${family}()) then reject; ${movedHere} ${loweredHere}${longer} accept; }; ${told};`,
    '  };',
    '}',
  ];
};

/** Nothing where the node has nobody to speak with. */
export function innerText(view: View, family: Family): readonly string[] {
  const peers = innerPeers(view, family);
  if (peers.length === 0) return [];
  const loopbacks = peers.map((peer) => `${loopbackOf(peer, family)}/${whole(family)}`).join(', ');
  const asns = peers.map(({ asn }) => asn).join(', ');
  const own = `source != RTS_STATIC && source != RTS_DEVICE && source != RTS_OSPF && dest != RTD_BLACKHOLE`;
  return [
    `ipv${family} table p44igp${family};`,
    `ipv${family} table p44inner${family};`,
    ...ospfText(view, family),
    `protocol pipe p44nodes${family} {`,
    `  table p44igp${family}; peer table master${family};`,
    `  import none; export filter { if !(net ~ [ ${loopbacks} ]) then reject; preference = ${nodePreference}; accept; };`,
    '}',
    `protocol pipe p44told${family} {`,
    `  table p44inner${family}; peer table master${family};`,
    '  export where dest != RTD_UNREACHABLE;',
    // What another trusted node has told, by either protocol, is that node's to tell.
    `  import where p44_fabric${family}() && ${own} && !(source = RTS_BGP && bgp_path.first ~ [ ${asns} ]);`,
    '}',
    ...peers.flatMap((peer) => sessionText(view, peer, family)),
  ];
}

/** For what eBGP tells a trusted node: nothing that came by the other way. */
export const toldByEbgp = ({ inner }: View): string =>
  inner === undefined ? '' : ' && source != RTS_OSPF && !(proto ~ "p44r_*")';

/** Routes that the fabric has told, in BIRD's language: where this node's loopback is the source of what it sends itself. */
export const fromFabric = ({ inner }: View): string =>
  inner === undefined ? 'source = RTS_BGP' : '(source = RTS_BGP || source = RTS_OSPF)';
