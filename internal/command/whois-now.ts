// Whois now: everything that the snapshot says of one address, the most specific first. A few lookups by key for each pool
// around it, however much is allocated.

import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Allocation } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { WhoseKind, type WhoseSchema } from '#internal/gen/pop44/v1/desk_pb.ts';
import {
  allocationId,
  holderOf,
  reservationId,
  slabStands,
  standingPool,
  standingPools,
} from '#internal/model/model.ts';
import type { Snapshot, StandingPool } from '#internal/model/model.ts';
import {
  addressBits,
  contains,
  familyOf,
  hostPrefix,
  type IpAddress,
  type Prefix,
  prefixLength,
  supernet,
} from '#internal/netip/netip.ts';

export type WhoseInit = MessageInitShape<typeof WhoseSchema>;

/** What stands around an address in one realm. */
export interface Place {
  /** Root first, then delegations of it. */
  readonly pools: readonly StandingPool[];
  /** In the innermost pool; whatever it is. */
  readonly allocation?: Allocation;
  readonly reservation?: WhoseInit;
}

/** One for each root pool around the address: at most one a realm. O(pools), and O(prefix lengths) for each. */
export function placesOf(snapshot: Snapshot, address: IpAddress): readonly Place[] {
  const host = hostPrefix(address);
  const places: Place[] = [];
  for (const [id, prefix] of standingPools(snapshot)) {
    const root = contains(prefix, host) ? standingPool(snapshot, id) : undefined;
    if (root !== undefined && root.pool.parentPoolId === '') places.push(placeIn(snapshot, root, host));
  }
  return places;
}

function placeIn(snapshot: Snapshot, root: StandingPool, host: Prefix): Place {
  const pools = [root];
  for (let around = root; ; ) {
    const { id } = around.pool;
    const slab = slabStands(snapshot, id, supernet(host, around.slabLength))?.record;
    const unit = slab === undefined || slab.unitLength === 0 ? undefined : supernet(host, slab.unitLength);
    const allocation = unit === undefined ? undefined : snapshot.allocations.get(allocationId(id, unit))?.record;
    const within = slab?.delegatedPoolId || allocation?.delegatedPoolId || '';
    const inner = within === '' ? undefined : standingPool(snapshot, within);
    if (inner === undefined || pools.includes(inner) || !contains(inner.prefix, host)) {
      const reservation = reservationAround(snapshot, around, host);
      const ours = allocation?.poolId === id && allocation.prefix === unit;
      return { pools, ...(ours && { allocation }), ...(reservation && { reservation }) };
    }
    pools.push(inner);
    around = inner;
  }
}

/** Reservations of a pool do not overlap: the first that is found is the one. */
function reservationAround(snapshot: Snapshot, { pool, prefix }: StandingPool, host: Prefix): WhoseInit | undefined {
  for (let length = addressBits(familyOf(host)); length >= prefixLength(prefix); length -= 1) {
    const found = snapshot.reservations.get(reservationId(pool.id, supernet(host, length)))?.record;
    if (found === undefined) continue;
    return {
      kind: WhoseKind.RESERVATION,
      prefix: found.prefix,
      realmId: pool.realmId,
      poolId: pool.id,
      owner: found.owner,
      ...(found.createdAt && { since: found.createdAt }),
    };
  }
  return undefined;
}

export function poolLine({ pool, prefix }: StandingPool): WhoseInit {
  return {
    kind: pool.parentPoolId === '' ? WhoseKind.POOL : WhoseKind.DELEGATION,
    prefix,
    realmId: pool.realmId,
    poolId: pool.id,
    homePopId: pool.homePopId,
    ...(pool.createdAt && { since: pool.createdAt }),
  };
}

const kindOf = {
  tunnel: WhoseKind.TUNNEL,
  owner: WhoseKind.OWNER,
  quarantine: WhoseKind.QUARANTINE,
  delegation: WhoseKind.DELEGATION,
} as const;

/** Who has an allocation now. Its `since` is that of the record. */
export function holderLine(snapshot: Snapshot, allocation: Allocation): WhoseInit {
  const tunnel = snapshot.tunnels.get(allocation.tunnelId)?.record;
  const homePopId = tunnel?.prefixes.find(({ prefix }) => prefix === allocation.prefix)?.homePopId ?? '';
  return {
    kind: kindOf[holderOf(allocation)],
    prefix: allocation.prefix,
    realmId: snapshot.pools.get(allocation.poolId)?.record.realmId ?? '',
    poolId: allocation.poolId,
    owner: allocation.owner,
    tunnelId: allocation.tunnelId,
    tunnelName: tunnel?.name ?? '',
    homePopId,
    ...(tunnel?.suspension && { suspension: tunnel.suspension }),
    ...(allocation.createdAt && { since: allocation.createdAt }),
    ...(allocation.quarantinedUntil && { until: allocation.quarantinedUntil }),
  };
}
