// Sibling: the other node of a PoP, and the text by which the two BIRDs tell each other who is active.
//
// What an active node announces stands as routes in a table of its own (dutyTable), which the privileged half fills and
// empties by its role: a change of role is a few routes, never a configuration.

import { type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import {
  dutyMarkers,
  dutyTable,
  moveMarkers,
  routeProtocol,
  siblingLink,
  siblingSession,
} from '#internal/dataplane/ownership.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { announcedEndpoint, floatingEndpoint } from './endpoint.ts';
import { loweredText } from './lowered.ts';
import { everyPort } from './ports.ts';
import type { View } from './self.ts';

/** Own and far address of one of the two ways to the sibling. */
interface Way {
  readonly own: string;
  readonly far: string;
}

export interface Sibling {
  readonly node: Node;
  readonly heartbeat: Way;
  readonly underlay: Way;
}

const families = [4, 6] as const;
type Family = (typeof families)[number];
const familyOfAddress = (address: string): Family => (address.includes(':') ? 6 : 4);

/** Above BGP's 100: two nodes that are both active must hear so, and only the best route to a prefix is told. */
const ownPreference = 110;
/** Routers between two nodes of one location: more than anybody has. */
const mostHops = 8;

function underlayWay(near: Node, far: Node): Way | undefined {
  if (near.underlay4 !== '' && far.underlay4 !== '') return { own: near.underlay4, far: far.underlay4 };
  return near.underlay6 !== '' && far.underlay6 !== '' ? { own: near.underlay6, far: far.underlay6 } : undefined;
}

/** Two nodes of a PoP with a heartbeat link between them; undefined: this one has no sibling. O(nodes). */
export function siblingOf(snapshot: Snapshot, near: Node): Sibling | undefined {
  // A third node without a heartbeat is none of the pair's business.
  const [node, ...more] = nodesInForce(snapshot).filter(
    ({ id, popId, heartbeat }) => popId === near.popId && id !== near.id && heartbeat !== '',
  );
  if (node === undefined || more.length > 0 || near.heartbeat === '') return undefined;
  const underlay = underlayWay(near, node);
  if (underlay === undefined || familyOfAddress(near.heartbeat) !== familyOfAddress(node.heartbeat)) return undefined;
  return { node, heartbeat: { own: near.heartbeat, far: node.heartbeat }, underlay };
}

/** Sessions that stand whether BGP does or not: what they tell is that the sibling lives. */
export const siblingNeighbours = ({ heartbeat, underlay }: Sibling): readonly string[] => [
  `neighbor ${heartbeat.far} local ${heartbeat.own};`,
  `neighbor ${underlay.far} local ${underlay.own} multihop on;`,
];

const endpointOf = ({ pop }: View, family: Family): string => announcedEndpoint(pop, family);
const whole = (family: Family): number => (family === 4 ? 32 : 128);

/** What is learned from our table; of the endpoint, where there is one, the master table hears too. */
const learned = (view: View, family: Family): readonly string[] => {
  const endpoint = endpointOf(view, family);
  const own = `filter { if krt_source != ${routeProtocol} then reject; preference = ${ownPreference}; ${loweredText} accept; }`;
  return [
    `ipv${family} table p44duty${family};`,
    `protocol kernel p44role${family} {`,
    `  kernel table ${dutyTable}; learn; persist; scan time 10;`,
    `  ipv${family} { table p44duty${family}; import ${own}; export none; };`,
    '}',
    ...(endpoint === ''
      ? []
      : [
          `protocol pipe p44endpoint${family} {`,
          `  table p44duty${family}; peer table master${family};`,
          `  import none; export where net = ${endpoint}/${whole(family)};`,
          '}',
        ]),
  ];
};

interface SessionText {
  readonly name: string;
  readonly way: Way;
  readonly how: string;
  readonly timers: string;
}

/** The epoch is the route's metric here, and its MED on the way. */
const session = (view: View, { name, way: { own, far }, how, timers }: SessionText): readonly string[] => {
  const family = familyOfAddress(own);
  const markers = `[ ${dutyMarkers[family]}, ${moveMarkers[family]} ]`;
  const told = `filter { if source = RTS_BGP || !(net ~ ${markers}) then reject; bgp_med = krt_metric; accept; }`;
  return [
    `protocol bgp ${siblingSession}${name} {`,
    `  local ${own} as ${view.node.asn}; neighbor ${far} as ${view.sibling?.node.asn}; ${how}; ${timers}`,
    '  bfd on;',
    `  ipv${family} { table p44duty${family}; import where net ~ ${markers}; export ${told}; };`,
    '}',
  ];
};

export const siblingText = (view: View, sibling: Sibling, timers: string): readonly string[] => [
  ...families.flatMap((family) => learned(view, family)),
  ...session(view, { name: 'heartbeat', way: sibling.heartbeat, how: 'direct', timers }),
  ...session(view, { name: 'underlay', way: sibling.underlay, how: `multihop ${mostHops}`, timers }),
];

/** Upstream hears of the endpoint while it stands in the table. */
export const announcedWhileActive = (view: View, family: Family): string =>
  `where net = ${endpointOf(view, family)}/${whole(family)}`;

/**
 * The states of connections go from pop namespace to pop namespace, but the heartbeat link ends in the transport namespace:
 * hence VXLAN. Its addresses are link-local (RFC 3927) and never routed; the choke has 169.254.44.1 for a neighbour.
 */
const spanAddresses = ['169.254.45.1', '169.254.45.2'] as const;
const spanLength = 30;
/** What a heartbeat link of 1,500 carries of VXLAN over IPv6 (70 bytes), and some less for a VLAN's tag or two. */
const spanMtu = 1_400;

/** Addresses of the two ends between the pop namespaces. */
export function spanWay({ node, sibling }: Pick<View, 'node' | 'sibling'>): Way | undefined {
  if (sibling === undefined) return undefined;
  const [first, second] = spanAddresses;
  return node.id < sibling.node.id ? { own: first, far: second } : { own: second, far: first };
}

function states(view: View, { heartbeat }: Sibling, into: MutableDataplane): void {
  const way = spanWay(view);
  if (way === undefined) return;
  put(into, 'span', { name: siblingLink, mtu: spanMtu, ...heartbeat });
  put(into, 'address', { netns: 'pop', dev: siblingLink, cidr: `${way.own}/${spanLength}` });
  put(into, 'sync', { link: siblingLink, ...way });
}

function gatewaysOf({ pop }: View): { readonly gateway4?: string; readonly gateway6?: string } {
  const [four, six] = families.map((family) => floatingEndpoint(pop, family)?.gateway);
  return { ...(four !== undefined && { gateway4: four }), ...(six !== undefined && { gateway6: six }) };
}

export function pair(view: View, into: MutableDataplane): void {
  const { sibling, node } = view;
  if (sibling === undefined) return;
  const { heartbeat, underlay } = sibling;
  states(view, sibling, into);
  put(into, 'pair', {
    link: view.accessLinks[0],
    nodeId: node.id,
    siblingId: sibling.node.id,
    heartbeat: heartbeat.far,
    underlay: underlay.far,
    ...gatewaysOf(view),
    ownHeartbeat: heartbeat.own,
    endpoints: families.map((family) => endpointOf(view, family)).filter((endpoint) => endpoint !== ''),
    ports: everyPort(view.pop),
  });
  for (const family of families) {
    const endpoint = endpointOf(view, family);
    const prefixes = [
      dutyMarkers[family],
      moveMarkers[family],
      ...(endpoint === '' ? [] : [`${endpoint}/${whole(family)}`]),
    ];
    for (const prefix of prefixes)
      put(into, 'route', { netns: 'transport', table: dutyTable, prefix, type: 'unreachable' });
  }
}
