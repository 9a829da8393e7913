// View: records as the API shows them.

import { create } from '@bufbuild/protobuf';
import type * as store from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type Pool,
  PoolSchema,
  type PoolSpace,
  type Quota,
  QuotaSchema,
  type Reservation,
  ReservationSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { type Tunnel, TunnelSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { toFirewall } from './firewall-fields.ts';
import { quarantineSecondsOf } from './quarantine.ts';
import { hasKeys } from './sealed.ts';
import { nodesWithoutPresharedKey } from './sealing-recipients.ts';

/** Its etag is the stored record's revision; without one (not committed yet) it is empty. */
export function toTunnel(
  snapshot: Snapshot,
  tunnel: { readonly record: store.Tunnel; readonly revision?: bigint },
): Tunnel {
  const { record, revision } = tunnel;
  return create(TunnelSchema, {
    id: record.id,
    name: record.name,
    owner: record.owner,
    publicKey: record.publicKey,
    enabled: record.enabled,
    popIds: record.placement?.popIds ?? [],
    prefixes: record.prefixes.map(({ prefix }) => prefix),
    realmIds: record.realmIds,
    mtu: record.mtu,
    keepaliveSeconds: record.keepaliveSeconds,
    rateUpBitPerSecond: record.rateUpBitPerSecond,
    rateDownBitPerSecond: record.rateDownBitPerSecond,
    firewall: toFirewall(record.firewall),
    etag: revision === undefined ? '' : String(revision),
    ...(record.createdAt && { createdAt: record.createdAt }),
    hasPresharedKey: hasKeys(record.sealedPresharedKey),
    nodesWithoutPresharedKey: [...nodesWithoutPresharedKey(snapshot, record)],
    ...(record.suspension && { suspension: record.suspension }),
    nextPublicKey: record.nextPublicKey,
  });
}

/** What of a pool stands in no record. */
export interface PoolAround {
  readonly space?: PoolSpace;
  /** Empty: nobody leads it. */
  readonly leaderNodeId?: string;
}

/** Its etag is the stored record's revision; without one (not committed yet) it is empty. */
export function toPool(
  snapshot: Snapshot,
  pool: Partial<Stored<unknown>> & { readonly record: store.Pool },
  { space, leaderNodeId = '' }: PoolAround = {},
): Pool {
  const { record, revision } = pool;
  const use = snapshot.poolUse.get(record.id);
  return create(PoolSchema, {
    id: record.id,
    prefix: record.prefix,
    realmId: record.realmId,
    description: record.description,
    etag: revision === undefined ? '' : String(revision),
    ...(record.createdAt && { createdAt: record.createdAt }),
    slabs: use?.slabs ?? 0,
    allocations: BigInt(use?.allocations ?? 0),
    quarantined: BigInt(use?.quarantined ?? 0),
    frozen: record.frozen,
    homePopId: record.homePopId,
    quarantineSeconds: quarantineSecondsOf(record),
    parentPoolId: record.parentPoolId,
    drainToPoolId: record.drainToPoolId,
    leaderNodeId,
    ...(space && { space }),
  });
}

export function toReservation(stored: Partial<Stored<unknown>> & { readonly record: store.Reservation }): Reservation {
  const { record, revision } = stored;
  return create(ReservationSchema, {
    poolId: record.poolId,
    prefix: record.prefix,
    owner: record.owner,
    description: record.description,
    etag: revision === undefined ? '' : String(revision),
    ...(record.createdAt && { createdAt: record.createdAt }),
  });
}

/** @param usedTunnels how many the owner has */
export function toQuota({ owner, limit4, limit6, limitTunnels, used4, used6 }: store.Quota, usedTunnels = 0): Quota {
  return create(QuotaSchema, {
    owner,
    ...(limit4 !== undefined && { limit4 }),
    ...(limit6 !== undefined && { limit6 }),
    ...(limitTunnels !== undefined && { limitTunnels }),
    used4,
    used6,
    usedTunnels: BigInt(usedTunnels),
  });
}
