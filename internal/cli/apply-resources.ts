// Apply resources: what may stand in a document of each kind, what of it can be changed later, and by which call.

import type { Message } from '@bufbuild/protobuf';
import {
  type AnycastGroup,
  AnycastGroupSchema,
  type Interconnect,
  InterconnectSchema,
  type Node,
  NodeSchema,
  type Pop,
  PopSchema,
  type Upstream,
  UpstreamSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Tunnel, TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { addressResources } from './apply-addresses.ts';
import { picked, type Resource } from './apply-resource.ts';
import { allPages } from './pages.ts';

const changeableOfPop = ['singleHomed', 'endpointMode', 'gateway4', 'gateway6'];
const pop: Resource<Pop> = {
  schema: PopSchema,
  key: ['id'],
  nameOf: ({ id }) => id,
  there: async (session) => (await (await session.client()).fabric.listPops({})).pops,
  isSame: (wanted, found) => wanted.id === found.id,
  forNew: [
    'id',
    'kind',
    'description',
    'endpoint4',
    'endpoint6',
    'endpointPort',
    'publicKey',
    'failureDomain',
    'acceptsTunnels',
    ...changeableOfPop,
  ],
  forOld: [...changeableOfPop, 'anycastGroupId'],
  create: ({ fabric }, item, _, change) => fabric.createPop({ change, pop: item }),
  update: ({ fabric }, item, { given, found: { id } }, change) => {
    const group = given.has('anycastGroupId') ? { anycastGroup: item.anycastGroupId } : {};
    // Where the group's key is sealed the daemon refuses: who opens it is pop44 pop update --anycast with --identity.
    return fabric.updatePop({
      change,
      pop: id,
      ...picked(item, new Set(changeableOfPop.filter((name) => given.has(name)))),
      ...group,
    });
  },
};

const anycast: Resource<AnycastGroup> = {
  schema: AnycastGroupSchema,
  key: ['id'],
  nameOf: ({ id }) => id,
  there: async (session) => {
    const { groups } = await (await session.client()).fabric.listAnycastGroups({});
    return groups.flatMap(({ group }) => (group === undefined ? [] : [group]));
  },
  isSame: (wanted, found) => wanted.id === found.id,
  forNew: ['id', 'description', 'founderPopId'],
  forOld: [],
  create: ({ fabric }, { id, description, founderPopId }, _, change) =>
    fabric.createAnycastGroup({ change, id, description, pop: founderPopId }),
};

const changeableOfNode = ['uplinkBitPerSecond', 'heartbeat'];
const node: Resource<Node> = {
  schema: NodeSchema,
  key: ['id'],
  nameOf: ({ id }) => id,
  there: async (session) => {
    const { nodes } = await (await session.client()).fabric.listNodes({});
    return nodes.flatMap((state) => (state.node === undefined ? [] : [state.node]));
  },
  isSame: (wanted, found) => wanted.id === found.id,
  forNew: [
    'id',
    'popId',
    'asn',
    'loopback4',
    'loopback6',
    'meshAddress',
    'meshPublicKey',
    'meshPort',
    'underlay4',
    'underlay6',
    'interconnectPublicKey',
    'sealingPublicKey',
    'apiPort',
    'failureDomain',
    ...changeableOfNode,
  ],
  forOld: changeableOfNode,
  create: ({ fabric }, item, _, change) => fabric.createNode({ change, node: item }),
  update: ({ fabric }, item, { given, found: { id } }, change) =>
    fabric.updateNode({ ...picked(item, given), node: id, change }),
};

const interconnect: Resource<Interconnect> = {
  schema: InterconnectSchema,
  key: ['nodeA', 'nodeB'],
  nameOf: ({ nodeA, nodeB }) => `${nodeA} ${nodeB}`,
  there: async (session) => (await (await session.client()).fabric.listInterconnects({})).interconnects,
  isSame: (wanted, found) => wanted.nodeA === found.nodeA && wanted.nodeB === found.nodeB,
  forNew: ['nodeA', 'nodeB', 'link4', 'link6', 'portA', 'portB', 'mtu', 'underlayA', 'underlayB'],
  forOld: [],
  create: ({ fabric }, item, given, change) => fabric.createInterconnect({ ...picked(item, given), change }),
};

const upstream: Resource<Upstream> = {
  schema: UpstreamSchema,
  key: ['id'],
  nameOf: ({ id }) => id,
  there: async (session) => (await (await session.client()).fabric.listUpstreams({})).upstreams,
  isSame: (wanted, found) => wanted.id === found.id,
  forNew: ['id', 'nodeId', 'plane', 'neighbor4', 'neighbor6', 'neighborAsn', 'bfd', 'blackhole'],
  forOld: [],
  create: ({ fabric }, item, _, change) => fabric.createUpstream({ change, upstream: item }),
};

const tunnel: Resource<Tunnel> = {
  schema: TunnelSchema,
  key: ['name', 'owner'],
  nameOf: ({ owner, name }) => (owner === '' ? name : `${owner}/${name}`),
  there: (session) =>
    allPages(session, async (page) => {
      const answer = await (await session.client()).tunnels.listTunnels(page);
      return { ...answer, items: answer.tunnels };
    }),
  isSame: (wanted, found) => wanted.name === found.name && (wanted.owner === '' || wanted.owner === found.owner),
  forNew: [
    'name',
    'owner',
    'publicKey',
    'popIds',
    'prefixes',
    'mtu',
    'keepaliveSeconds',
    'firewall',
    'rateUpBitPerSecond',
    'rateDownBitPerSecond',
  ],
  forOld: ['enabled', 'publicKey', 'mtu', 'keepaliveSeconds', 'firewall', 'rateUpBitPerSecond', 'rateDownBitPerSecond'],
  create: ({ tunnels }, item, given, change) => {
    // The first PoP is the home; prefixes are wishes for just these.
    const { prefixes, popIds } = item;
    const same = picked(item, new Set([...given].filter((name) => name !== 'prefixes')));
    const wishes = prefixes.map((prefix) => ({ prefix }));
    return tunnels.createTunnel({ ...same, change, homePopId: popIds[0] ?? '', popIds, wishes });
  },
  update: ({ tunnels }, item, { given, found: { id, etag } }, change) =>
    tunnels.updateTunnel({ ...picked(item, given), tunnel: id, change: { ...change, etag } }),
};

/** In the order in which they need each other. */
const { pool, reservation, quota, allocation, blackhole } = addressResources;
export const resources = {
  ...{ pop, anycast, node, interconnect, upstream },
  ...{ pool, reservation, quota, allocation, tunnel, blackhole },
} as const satisfies Readonly<Record<string, Pick<Resource<Message>, 'key'>>>;
export type ResourceName = keyof typeof resources;
