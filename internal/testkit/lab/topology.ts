// Topology: what stands where in the lab, as values. DESIGN.md, section 11, has the address plan.

/** One machine that runs pop44d, with its two network namespaces. */
export interface LabNode {
  readonly id: string;
  readonly number: number;
  readonly popId: string;
  /** Names of network namespaces. */
  readonly transport: string;
  readonly pop: string;
  readonly asn: number;
  readonly underlay4: string;
  readonly underlay6: string;
  /** The internet's end of both uplinks: the BGP neighbours of the two BIRDs. */
  readonly transportGateway4: string;
  readonly transportGateway6: string;
  readonly popUplink4: string;
  readonly popUplink6: string;
  readonly popGateway4: string;
  readonly popGateway6: string;
  readonly endpoint4: string;
  readonly endpoint6: string;
  readonly loopback4: string;
  readonly loopback6: string;
  readonly meshAddress: string;
  /** Its end of the link to the other node of its PoP. */
  readonly heartbeat?: string;
  /** Of a pair: its PoP is a CORE. */
  readonly core?: true;
  /** Its transport uplink ends on a LAN, where the endpoint is too; nobody announces that. */
  readonly lan?: true;
}

/** What a pair is otherwise than usual: its PoP a CORE instead of a REGIONAL, its endpoint on a LAN of the two. */
export interface PairWish {
  readonly core?: true;
  readonly lan?: true;
}

/** Of the internet's router: a documentation number (RFC 5398). */
export const internetAsn = 64500;
export const endpointPort = 51820;
export const meshPort = 51844;
export const apiPort = 4440;
export const metricsPort = 9440;

const popIds = ['north', 'east', 'south', 'west'];

/** `number`: 1 to 4. */
export function labNode(number: number): LabNode {
  const popId = popIds[number - 1];
  if (popId === undefined) throw new RangeError(`the lab has nodes 1 to ${popIds.length}, not ${number}`);
  const n = String(number);
  return {
    id: `p${n}`,
    number,
    popId,
    transport: `p${n}t`,
    pop: `p${n}p`,
    asn: 4_200_000_000 + number,
    underlay4: `198.18.${n}.2`,
    underlay6: `2001:db8:1:${n}::2`,
    transportGateway4: `198.18.${n}.1`,
    transportGateway6: `2001:db8:1:${n}::1`,
    popUplink4: `198.18.1${n}.2`,
    popUplink6: `2001:db8:1:1${n}::2`,
    popGateway4: `198.18.1${n}.1`,
    popGateway6: `2001:db8:1:1${n}::1`,
    // One endpoint lies inside the tunnelled space: client files must cope.
    endpoint4: number === 3 ? '44.27.0.3' : `198.18.200.${n}`,
    endpoint6: `2001:db8:1:e${n}::1`,
    loopback4: `198.18.210.${n}`,
    loopback6: `2001:db8:1:f${n}::1`,
    meshAddress: `fd44:44::${n}`,
  };
}

/** Links between the two nodes of a PoP. */
const heartbeatLink = ['172.30.34.1', '172.30.34.2'] as const;
const heartbeatDev = 'heartbeat';

/** The third and the fourth node as the two of one PoP: its endpoint is that of the third. */
export function labPair(wish: PairWish = {}): readonly [LabNode, LabNode] {
  const a = labNode(3);
  const b = labNode(4);
  const { popId } = a;
  const { endpoint4, endpoint6 } =
    wish.lan === true ? { endpoint4: '198.18.3.100', endpoint6: '2001:db8:1:3::100' } : a;
  const { underlay4, underlay6, transportGateway4, transportGateway6 } = wish.lan === true ? besides(a) : b;
  const second = { ...b, underlay4, underlay6, transportGateway4, transportGateway6 };
  return [
    { ...a, ...wish, endpoint4, endpoint6, heartbeat: heartbeatLink[0] },
    { ...second, ...wish, popId, endpoint4, endpoint6, heartbeat: heartbeatLink[1] },
  ];
}

/** The next machine on the LAN of a node. */
const besides = (node: LabNode) => ({ ...node, underlay4: '198.18.3.3', underlay6: '2001:db8:1:3::3' });

/** The LAN of a pair is a bridge of the internet's router, who has an address on it. */
export const lanBridge = 'lan';

export interface CableEnd {
  readonly netns: string;
  readonly dev: string;
  readonly addresses: readonly string[];
}
export type Cable = readonly [CableEnd, CableEnd];

/** An access network behind a router that translates, and where the client's plug for it is. */
export interface Access {
  readonly router: string;
  /** Device of the client. */
  readonly dev: string;
  readonly address4: string;
  readonly gateway4: string;
  readonly address6: string;
  readonly gateway6: string;
}

/** Behind two NATs: the home router's and the provider's. */
const home: Access = {
  router: 'home',
  dev: 'eth0',
  address4: '192.168.44.10/24',
  gateway4: '192.168.44.1',
  address6: '2001:db8:1:c::10/64',
  gateway6: '2001:db8:1:c::1',
};

/** Another network, another NAT: where the client moves to. */
const cafe: Access = {
  router: 'cafe',
  dev: 'wlan0',
  address4: '192.168.88.10/24',
  gateway4: '192.168.88.1',
  address6: '2001:db8:1:d::10/64',
  gateway6: '2001:db8:1:d::1',
};

export const accesses = { home, cafe } as const;
export type AccessName = keyof typeof accesses;

export const host4 = '198.18.100.10';
export const host6 = '2001:db8:1:64::10';

const end = (netns: string, dev: string, ...addresses: string[]): CableEnd => ({ netns, dev, addresses });

const accessCable = (access: Access): Cable => [
  end(access.router, 'lan', `${access.gateway4}/24`, `${access.gateway6}/64`),
  // The plug has no address until the client joins this network.
  end('client', access.dev),
];

const worldCables: readonly Cable[] = [
  [end('inet', 'host', '198.18.100.1/24', '2001:db8:1:64::1/64'), end('host', 'eth0', `${host4}/24`, `${host6}/64`)],
  [
    end('inet', 'cgnat', '198.18.90.1/30', '2001:db8:1:90::1/64'),
    end('cgnat', 'wan', '198.18.90.2/30', '2001:db8:1:90::2/64'),
  ],
  [
    end('cgnat', 'lan', '100.64.0.1/24', '2001:db8:1:91::1/64'),
    end('home', 'wan', '100.64.0.2/24', '2001:db8:1:91::2/64'),
  ],
  [
    end('inet', 'cafe', '198.18.95.1/30', '2001:db8:1:95::1/64'),
    end('cafe', 'wan', '198.18.95.2/30', '2001:db8:1:95::2/64'),
  ],
  accessCable(home),
  accessCable(cafe),
];

const transportCable = (node: LabNode): Cable =>
  node.lan === true
    ? [end('inet', node.transport), end(node.transport, 'uplink', `${node.underlay4}/24`, `${node.underlay6}/64`)]
    : [
        end('inet', node.transport, `${node.transportGateway4}/30`, `${node.transportGateway6}/64`),
        end(node.transport, 'uplink', `${node.underlay4}/30`, `${node.underlay6}/64`),
      ];

const nodeCables = (node: LabNode): readonly Cable[] => [
  transportCable(node),
  [
    end('inet', node.pop, `${node.popGateway4}/30`, `${node.popGateway6}/64`),
    end(node.pop, 'uplink', `${node.popUplink4}/30`, `${node.popUplink6}/64`),
  ],
];

function heartbeatCables(nodes: readonly LabNode[]): readonly Cable[] {
  const ends = nodes.flatMap(({ transport, heartbeat }) =>
    heartbeat === undefined ? [] : [end(transport, heartbeatDev, `${heartbeat}/24`)],
  );
  const [a, b] = ends;
  return a === undefined || b === undefined ? [] : [[a, b]];
}

export const cables = (nodes: readonly LabNode[]): readonly Cable[] => [
  ...worldCables,
  ...nodes.flatMap(nodeCables),
  ...heartbeatCables(nodes),
];

export interface StaticRoute {
  readonly netns: string;
  readonly to: string;
  readonly via: string;
}

const defaults = (netns: string, via4: string, via6: string): readonly StaticRoute[] => [
  { netns, to: '0.0.0.0/0', via: via4 },
  { netns, to: '::/0', via: via6 },
];

/** Nothing for the pop namespaces: their default route comes by BGP. */
export const staticRoutes = (nodes: readonly LabNode[]): readonly StaticRoute[] => [
  ...defaults('host', '198.18.100.1', '2001:db8:1:64::1'),
  ...defaults('cgnat', '198.18.90.1', '2001:db8:1:90::1'),
  ...defaults('home', '100.64.0.1', '2001:db8:1:91::1'),
  ...defaults('cafe', '198.18.95.1', '2001:db8:1:95::1'),
  { netns: 'inet', to: '2001:db8:1:c::/64', via: '2001:db8:1:90::2' },
  { netns: 'cgnat', to: '2001:db8:1:c::/64', via: '2001:db8:1:91::2' },
  { netns: 'inet', to: '2001:db8:1:d::/64', via: '2001:db8:1:95::2' },
  ...nodes.flatMap((node) => defaults(node.transport, node.transportGateway4, node.transportGateway6)),
];

/** Routers of the world around pop44; what pop44's own namespaces need is pop44's business. */
export const routers = ['inet', 'cgnat', 'home', 'cafe'] as const;
/** Those that translate what leaves by `wan`. */
export const natRouters = ['cgnat', 'home', 'cafe'] as const;

/** Outside pop44; the order is that of the banner. */
export const worldNamespaces = ['inet', 'host', 'cgnat', 'home', 'cafe', 'client'] as const;

/** A machine: a mount namespace of its own with one or more network namespaces. */
export interface Machine {
  readonly name: string;
  readonly namespaces: readonly string[];
}

export const machines = (nodes: readonly LabNode[]): readonly Machine[] => [
  ...nodes.map((node) => ({ name: node.id, namespaces: [node.transport, node.pop] })),
  ...worldNamespaces.map((name) => ({ name, namespaces: [name] })),
];
