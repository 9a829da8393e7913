// Snapshot: every fabric record at one revision. Immutable: a fold shares all that did not change.

import { Map } from 'immutable';
import type {
  Allocation,
  AnycastGroup,
  Authority,
  Blackhole,
  Interconnect,
  JoinToken,
  Network,
  Node,
  NodeCertificate,
  PeerKey,
  Pool,
  Pop,
  Quota,
  Realm,
  Reservation,
  Slab,
  Tunnel,
  Upstream,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { emptyNameIndex, type NameIndex } from './name-index.ts';
import type { PoolUses } from './pool-use.ts';
import type { Stored } from './record.ts';

/** The id of the one network record. */
export const networkId = 'network';
/** The highest min_reader_version that this build understands. */
export const readerVersion = 1;

/** Maps by id, in no order: whoever prints one sorts it. */
export interface Snapshot {
  /** etcd revision up to which everything is in. */
  readonly revision: bigint;
  /** Absent: nothing has been created yet. */
  readonly network?: Stored<Network>;
  readonly realms: Map<string, Stored<Realm>>;
  readonly pops: Map<string, Stored<Pop>>;
  readonly anycasts: Map<string, Stored<AnycastGroup>>;
  readonly nodes: Map<string, Stored<Node>>;
  readonly interconnects: Map<string, Stored<Interconnect>>;
  readonly upstreams: Map<string, Stored<Upstream>>;
  readonly pools: Map<string, Stored<Pool>>;
  readonly slabs: Map<string, Stored<Slab>>;
  readonly allocations: Map<string, Stored<Allocation>>;
  readonly tunnels: Map<string, Stored<Tunnel>>;
  readonly peerkeys: Map<string, Stored<PeerKey>>;
  readonly reservations: Map<string, Stored<Reservation>>;
  readonly quotas: Map<string, Stored<Quota>>;
  readonly blackholes: Map<string, Stored<Blackhole>>;
  readonly jointokens: Map<string, Stored<JoinToken>>;
  /** By node id. */
  readonly certificates: Map<string, Stored<NodeCertificate>>;
  /** By the hash of their certificate. */
  readonly authorities: Map<string, Stored<Authority>>;
  /** Derived: tunnel ids by name and by `<owner>/<name>`; read with namesakes(). */
  readonly tunnelsByName: NameIndex;
  readonly tunnelsByOwnerAndName: NameIndex;
  /** Derived: how many tunnels an owner has, by owner; one without any is not in it. */
  readonly tunnelCounts: Map<string, number>;
  /** Derived: by pool id; a pool that nothing lies under is not in it. */
  readonly poolUse: PoolUses;
  /** Derived: the allocations that are delegations; they are in `allocations` too. */
  readonly delegations: Map<string, Stored<Allocation>>;
  /** Derived: the allocations in quarantine; they are in `allocations` too. */
  readonly quarantined: Map<string, Stored<Allocation>>;
}

export function emptySnapshot(): Snapshot {
  return {
    revision: 0n,
    realms: Map(),
    pops: Map(),
    anycasts: Map(),
    nodes: Map(),
    interconnects: Map(),
    upstreams: Map(),
    pools: Map(),
    slabs: Map(),
    allocations: Map(),
    tunnels: Map(),
    peerkeys: Map(),
    reservations: Map(),
    quotas: Map(),
    blackholes: Map(),
    jointokens: Map(),
    certificates: Map(),
    authorities: Map(),
    tunnelsByName: emptyNameIndex(),
    tunnelsByOwnerAndName: emptyNameIndex(),
    tunnelCounts: Map(),
    poolUse: Map(),
    delegations: Map(),
    quarantined: Map(),
  };
}
