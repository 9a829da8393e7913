// Ownership: the marks that everything we create bears. What does not bear them is never touched.

/** First characters of every interface of ours. */
export const linkPrefix = 'p44';
/** First characters of the two links of every interconnect, which take turns (adr/0016). */
export const fabricPrefixes = { i: `${linkPrefix}i-`, j: `${linkPrefix}j-` } as const;
/**
 * Addresses of the two ends of an interconnect, lower node id first, where OSPF is spoken on it: WireGuard has none of itself, and
 * RFC 5340 2.9 wants them.
 */
export const linkLocals = ['fe80::44:1', 'fe80::44:2'] as const;
export const isFabricLink = (name: string): boolean =>
  Object.values(fabricPrefixes).some((prefix) => name.startsWith(prefix));
/**
 * The access interfaces, where subscribers' peers are. One carries the PoP's key; while that is rotated there are both, and
 * then the other one carries the key (adr/0017).
 */
export const accessLinks = ['p44w0', 'p44w1'] as const;
/** First characters of both, and of nothing else of ours. */
export const accessPrefix = 'p44w';
export type AccessLink = (typeof accessLinks)[number];
export const isAccessLink = (name: string): name is AccessLink => accessLinks.some((link) => link === name);
/** The management mesh. */
export const meshLink = 'p44m';
/** rtproto of every route of ours (iproute2: any 8-bit number that /etc/iproute2/rt_protos does not name). */
export const routeProtocol = 44;
/** rtproto of default routes that go with a floating address, which another driver holds than the other routes. */
export const floatingProtocol = 45;
/** rtproto of policy rules of ours; the same number. */
export const ruleProtocol = 44;
/** Our table in nftables, family inet. */
export const nftTable = 'pop44';
/** Mark of the access interface's own UDP packets in the transport namespace. */
export const accessFwmark = 0x44;
/** Routing table in the transport namespace whose default route has the PoP's endpoint as its source. */
export const endpointTable = 4400;
/** The wire that uploads of shaped tunnels are led through: in by the first, whose egress is shaped, out by the second. */
export const chokeIn = 'p44u0';
export const chokeOut = 'p44u1';
/** Mark, in the pop namespace, of packets on their way to the choke. */
export const chokeFwmark = 0x45;
/** Routing table of the pop namespace that leads into the choke. */
export const chokeTable = 4399;
/**
 * Sets of our table in the transport namespace: sources that have shaken hands with a peer of ours; of IPv6 the /64, in
 * which clients change their address. Filled by the privileged half, never by the plan.
 */
export const knownSets = { 4: 'known4', 6: 'known6' } as const;
/**
 * Routing table in the transport namespace with what BIRD announces while this node is its PoP's active one; nothing looks
 * it up. Metrics of its routes are this number and the takeover epoch.
 */
export const dutyTable = 4397;
export const epochMetric = 2_000;
/**
 * What siblings tell each other of their role, as routes that lead nowhere: addresses that nobody has (RFC 7600 4.8, RFC
 * 6666). Whoever announces it is active.
 */
export const dutyMarkers = { 4: '192.0.0.8/32', 6: '100::/128' } as const;
/**
 * Likewise (RFC 7050 8.2), while the PoP moves by an order: whoever announces it hears and speaks from the endpoint, and goes along
 * with a move to the epoch in its metric.
 */
export const moveMarkers = { 4: '192.0.0.170/32', 6: '100::1/128' } as const;
/** Metric of routes of a node that has handed its PoP over: to be told with GRACEFUL_SHUTDOWN (RFC 8326). */
export const loweredMetric = 3_000;
/**
 * Set of our table in the transport namespace: has UDP in it while this node may speak from its endpoint. Its own BFD packets
 * keep it there, so that a node that stands still is fenced by its kernel.
 */
export const leaseSet = 'lease';
/**
 * Sets of our table in the transport namespace: when a handshake of ours left and when what it led to came back, each as an
 * element whose time to live tells its age. Of a pair; filled by packets.
 */
export const tripSets = { 4: 'trips4', 6: 'trips6' } as const;
/** First characters of BIRD's sessions with the sibling, by the heartbeat link and by the underlay. */
export const siblingSession = 'p44s_';
/**
 * Metrics of routes of single tunnels in a realm's table are this number and which of its moves brought the tunnel there: above
 * BIRD's own (32), so that a route that BIRD prefers to ours is the kernel's choice too. BIRD counts no further than `mostMoves`,
 * its preferences having 16 bits.
 */
export const moveMetric = 0x10000;
export const mostMoves = 30_000;
/** Between the pop namespaces of two siblings, by the heartbeat link: VXLAN by its own port (RFC 7348, IANA), our network of it. */
export const siblingLink = 'p44s';
export const vxlanPort = 4789;
export const vxlanNetwork = 44;
/**
 * Between the transport namespaces of two siblings, by the same link and port and in another network: what arrives for the endpoint
 * while sessions move from the one to the other (driver/relay).
 */
export const relayLink = `${linkPrefix}r`;
export const relayNetwork = 68;
/**
 * Between their pop namespaces, likewise and for the same time: what tunnels send by the node that comes goes on by the one that
 * yields, in whose kernel the states of their flows are (driver/relay). Its own table of routes, after the choke's (desired/shaping.ts).
 */
export const throughLink = `${linkPrefix}t`;
export const throughNetwork = 69;
export const throughTable = 4402;
/** Mark of what WireGuard answers to a datagram that came by that link, until it has its own way (driver/relay). */
export const relayFwmark = 0x46;
/** Of conntrackd, on that interface alone: the port of its manual. */
export const syncPort = 3780;
/**
 * Between the transport namespaces of nodes that share an endpoint: VXLAN through the management mesh, whose keys say who sent
 * it; another network of it than siblings have.
 */
export const anycastLink = 'p44a';
export const anycastNetwork = 45;
/** Mark of WireGuard's answers that would leave by that link because what they answer came by it. */
export const anycastFwmark = 0x46;
/** Of a node, by which the ends of that link are called: its ASN less the first private one of ours, 94,967,294 at most (RFC 6996). */
export const anycastNumber = (asn: number): number => asn - 4_200_000_000;
export const mostAnycastNumber = 94_967_294;
const reserved = (first: number, number: number): string =>
  [first + (number >>> 24), (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff].join('.');
/** Its address inside the mesh: of the space that nobody has (RFC 1112 4), since the mesh's own is IPv6, which cuts nothing in pieces. */
export const anycastAddress = (number: number): string => reserved(240, number);
/** What a node is called as a neighbour on the link itself. */
export const anycastHops = {
  4: (number: number): string => reserved(248, number),
  6: (number: number): string => `fe80::44:${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`,
} as const;
/** Locally administered (IEEE 802, 8.2.1). */
export const anycastMac = (number: number): string =>
  ['02', '44', ...[24, 16, 8, 0].map((by) => ((number >>> by) & 0xff).toString(16).padStart(2, '0'))].join(':');
/** Routing table in the pop namespace of tunnels that are at home here, and on the other access interface than their slab. */
export const otherLinkTable = 4396;
/** Routing table in the pop namespace with addresses that are given up (RFC 7999); looked up before all others. */
export const blackholeTable = 4398;

/** File of an interconnect key that the node has made itself. */
export const madeKeyFile = (base: string, publicKeyHex: string): string => `${base}.${publicKeyHex}`;
