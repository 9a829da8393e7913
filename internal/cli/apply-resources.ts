// Apply resources: what may stand in a document of each kind, what of it can be changed later, and by which call.

import type { Message } from '@bufbuild/protobuf';
import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import type { Client } from '#internal/client/client.ts';
import {
  type Blackhole,
  BlackholeSchema,
  type Interconnect,
  InterconnectSchema,
  type Pop,
  PopSchema,
  type Upstream,
  UpstreamSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import { type Pool, PoolSchema, type Quota, QuotaSchema } from '#internal/gen/pop44/v1/pools_pb.ts';
import { type Tunnel, TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { allPages } from './pages.ts';
import type { Session } from './session.ts';

interface Answer {
  readonly changed?: Changed | undefined;
}
type Call<T> = (client: Client, item: T, given: ReadonlySet<string>) => Promise<Answer>;

export interface Resource<T extends Message> {
  readonly schema: GenMessage<T>;
  /** Fields that name one; the first is wanted in every document. */
  readonly key: readonly string[];
  readonly nameOf: (item: T) => string;
  readonly there: (session: Session) => Promise<readonly T[]>;
  readonly isSame: (wanted: T, found: T) => boolean;
  /** Fields that a new one may have, and those that one that is there may get. */
  readonly forNew: readonly string[];
  readonly forOld: readonly string[];
  readonly create: Call<T>;
  /** Of fields of forOld, `given` alone; `found` is what is there. */
  readonly update?: (client: Client, item: T, given: ReadonlySet<string>, found: T) => Promise<Answer>;
}

/** A message's fields by their names, those that a document gives. */
const picked = (item: object, given: ReadonlySet<string>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).filter(([name]) => given.has(name)));

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
    'singleHomed',
  ],
  forOld: ['singleHomed'],
  create: ({ fabric }, item) => fabric.createPop({ pop: item }),
  update: ({ fabric }, { id, singleHomed }) => fabric.updatePop({ pop: id, singleHomed }),
};

const interconnect: Resource<Interconnect> = {
  schema: InterconnectSchema,
  key: ['nodeA', 'nodeB'],
  nameOf: ({ nodeA, nodeB }) => `${nodeA} ${nodeB}`,
  there: async (session) => (await (await session.client()).fabric.listInterconnects({})).interconnects,
  isSame: (wanted, found) => wanted.nodeA === found.nodeA && wanted.nodeB === found.nodeB,
  forNew: ['nodeA', 'nodeB', 'link4', 'link6', 'portA', 'portB', 'mtu', 'underlayA', 'underlayB'],
  forOld: [],
  create: ({ fabric }, item, given) => fabric.createInterconnect(picked(item, given)),
};

const upstream: Resource<Upstream> = {
  schema: UpstreamSchema,
  key: ['id'],
  nameOf: ({ id }) => id,
  there: async (session) => (await (await session.client()).fabric.listUpstreams({})).upstreams,
  isSame: (wanted, found) => wanted.id === found.id,
  forNew: ['id', 'nodeId', 'plane', 'neighbor4', 'neighbor6', 'neighborAsn', 'bfd', 'blackhole'],
  forOld: [],
  create: ({ fabric }, item) => fabric.createUpstream({ upstream: item }),
};

const pool: Resource<Pool> = {
  schema: PoolSchema,
  key: ['prefix'],
  nameOf: ({ prefix }) => prefix,
  there: async (session) => (await (await session.client()).pools.listPools({})).pools,
  isSame: (wanted, found) => wanted.prefix === found.prefix,
  forNew: ['prefix', 'realmId', 'description', 'homePopId', 'quarantineSeconds'],
  forOld: ['description', 'frozen', 'quarantineSeconds', 'homePopId'],
  create: ({ pools }, item, given) => pools.createPool(picked(item, given)),
  update: ({ pools }, item, given, { id, etag }) =>
    pools.updatePool({ ...picked(item, given), pool: id, change: { etag } }),
};

const quota: Resource<Quota> = {
  schema: QuotaSchema,
  key: ['owner'],
  nameOf: ({ owner }) => owner || 'default',
  // An owner without a quota is listed while it holds something.
  there: async (session) => (await (await session.client()).pools.listQuotas({})).quotas,
  isSame: (wanted, found) => wanted.owner === found.owner,
  forNew: ['owner', 'limit4', 'limit6', 'limitTunnels'],
  forOld: ['limit4', 'limit6', 'limitTunnels'],
  create: ({ pools }, item, given) => pools.setQuota(picked(item, given)),
  // What is not said stays.
  update: ({ pools }, item, given, { owner, limit4, limit6 }) =>
    pools.setQuota({
      owner,
      ...(limit4 !== undefined && { limit4 }),
      ...(limit6 !== undefined && { limit6 }),
      ...picked(item, given),
    }),
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
  create: ({ tunnels }, item, given) => {
    // The first PoP is the home; prefixes are wishes for just these.
    const { prefixes, popIds } = item;
    const same = picked(item, new Set([...given].filter((name) => name !== 'prefixes')));
    const wishes = prefixes.map((prefix) => ({ prefix }));
    return tunnels.createTunnel({ ...same, homePopId: popIds[0] ?? '', popIds, wishes });
  },
  update: ({ tunnels }, item, given, { id, etag }) =>
    tunnels.updateTunnel({ ...picked(item, given), tunnel: id, change: { etag } }),
};

const blackhole: Resource<Blackhole> = {
  schema: BlackholeSchema,
  key: ['prefix'],
  nameOf: ({ prefix }) => prefix,
  there: async (session) => (await (await session.client()).desk.listBlackholes({})).blackholes,
  isSame: (wanted, found) => wanted.prefix === found.prefix,
  forNew: ['prefix', 'reason'],
  forOld: [],
  create: ({ desk }, { prefix, reason }) =>
    desk.createBlackhole({ address: prefix.replace(/\/(32|128)$/, ''), reason }),
};

/** In the order in which they need each other. */
export const resources = { pop, interconnect, upstream, pool, quota, tunnel, blackhole } as const satisfies Readonly<
  Record<string, unknown>
>;
export type ResourceName = keyof typeof resources;
