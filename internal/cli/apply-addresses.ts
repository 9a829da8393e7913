// Apply addresses: documents of pools and of what lies in them.

import type { Message } from '@bufbuild/protobuf';
import { type Blackhole, BlackholeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Allocation, AllocationSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import {
  type Pool,
  PoolSchema,
  type Quota,
  QuotaSchema,
  type Reservation,
  ReservationSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { allAllocations } from './allocation.ts';
import { picked, type Resource } from './apply-resource.ts';

const pool: Resource<Pool> = {
  schema: PoolSchema,
  key: ['prefix'],
  nameOf: ({ prefix }) => prefix,
  there: async (session) => (await (await session.client()).pools.listPools({})).pools,
  isSame: (wanted, found) => wanted.prefix === found.prefix,
  forNew: ['prefix', 'realmId', 'description', 'homePopId', 'quarantineSeconds', 'parentPoolId'],
  forOld: ['description', 'frozen', 'quarantineSeconds', 'homePopId'],
  create: ({ pools }, item, given, change) => {
    if (item.parentPoolId === '') return pools.createPool({ ...picked(item, given), change });
    // A delegation is cut from its parent; the rest is its parent's.
    const { prefix, parentPoolId, homePopId, description } = item;
    return pools.delegatePool({ change, pool: parentPoolId, prefix, popId: homePopId, description });
  },
  update: ({ pools }, item, { given, found: { id, etag } }, change) =>
    pools.updatePool({ ...picked(item, given), pool: id, change: { ...change, etag } }),
};

const reservation: Resource<Reservation> = {
  schema: ReservationSchema,
  key: ['prefix'],
  nameOf: ({ prefix }) => prefix,
  there: async (session) => (await (await session.client()).pools.listReservations({})).reservations,
  // By its prefix or its id: a pool that comes in the same file has none yet.
  loose: ['poolId'],
  isSame: (wanted, found) =>
    wanted.prefix === found.prefix &&
    (wanted.poolId === '' || wanted.poolId.includes('/') || wanted.poolId === found.poolId),
  forNew: ['prefix', 'poolId', 'owner', 'description'],
  forOld: [],
  create: ({ pools }, { poolId, prefix, owner, description }, _, change) =>
    pools.createReservation({ change, pool: poolId, prefix, owner, description }),
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
  create: ({ pools }, item, given, change) => pools.setQuota({ ...picked(item, given), change }),
  // What is not said stays.
  update: ({ pools }, item, { given, found: { owner, limit4, limit6 } }, change) =>
    pools.setQuota({
      change,
      owner,
      ...(limit4 !== undefined && { limit4 }),
      ...(limit6 !== undefined && { limit6 }),
      ...picked(item, given),
    }),
};

const allocation: Resource<Allocation> = {
  schema: AllocationSchema,
  key: ['prefix', 'owner'],
  nameOf: ({ prefix, owner }) => (owner === '' ? prefix : `${prefix} ${owner}`),
  there: (session) => allAllocations(session, {}),
  isSame: (wanted, found) => wanted.prefix === found.prefix && (wanted.owner === '' || wanted.owner === found.owner),
  forNew: ['prefix', 'owner', 'homePopId', 'poolId'],
  loose: ['poolId'],
  forOld: [],
  create: ({ allocations }, { prefix, owner, homePopId, poolId }, _, change) =>
    allocations.allocate({ change, owner, homePopId, wishes: [{ prefix, pool: poolId }] }),
};

const blackhole: Resource<Blackhole> = {
  schema: BlackholeSchema,
  key: ['prefix'],
  nameOf: ({ prefix }) => prefix,
  there: async (session) => (await (await session.client()).desk.listBlackholes({})).blackholes,
  isSame: (wanted, found) => wanted.prefix === found.prefix,
  forNew: ['prefix', 'reason'],
  forOld: [],
  create: ({ desk }, { prefix, reason }, _, change) =>
    desk.createBlackhole({ change, address: prefix.replace(/\/(32|128)$/, ''), reason }),
};

export const addressResources = { pool, reservation, quota, allocation, blackhole } as const satisfies Readonly<
  Record<string, Pick<Resource<Message>, 'key'>>
>;
