// Record: the kinds that stand in the fabric snapshot, and one change of one of them.

import type {
  Allocation,
  AnycastGroup,
  Authority,
  Blackhole,
  DeletedTunnel,
  Holding,
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
import type { PersonDecision } from './person-record.ts';

export interface Records {
  network: Network;
  realm: Realm;
  pop: Pop;
  anycast: AnycastGroup;
  node: Node;
  interconnect: Interconnect;
  upstream: Upstream;
  pool: Pool;
  slab: Slab;
  reservation: Reservation;
  allocation: Allocation;
  tunnel: Tunnel;
  peerkey: PeerKey;
  quota: Quota;
  blackhole: Blackhole;
  jointoken: JoinToken;
  certificate: NodeCertificate;
  authority: Authority;
}
export type RecordKind = keyof Records;

export const recordKinds = [
  'network',
  'realm',
  'pop',
  'anycast',
  'node',
  'interconnect',
  'upstream',
  'pool',
  'slab',
  'reservation',
  'allocation',
  'tunnel',
  'peerkey',
  'quota',
  'blackhole',
  'jointoken',
  'certificate',
  'authority',
] as const satisfies readonly RecordKind[];

/**
 * In maps of what is sealed by node id, the key that is no node's: an identity that an operator keeps elsewhere, from which
 * all can be made again (records.proto, Pop.sealed_access_key).
 */
export const recoveryId = '@recovery';

/** A record as it stands in etcd. */
export interface Stored<T> {
  readonly record: T;
  /** mod_revision of its key; the etag is its decimal form. */
  readonly revision: bigint;
}

/** What happened to one key. Absent `stored`: deleted. */
export type RecordEvent = {
  readonly [K in RecordKind]: { readonly kind: K; readonly id: string; readonly stored?: Stored<Records[K]> };
}[RecordKind];

/**
 * Whole transactions that take a snapshot from one revision to the next, in order.
 * `relisted`: the batch is a full list (keys that it does not name are gone), not a difference.
 */
export interface Batch {
  readonly revision: bigint;
  readonly relisted: boolean;
  readonly events: readonly RecordEvent[];
}

/**
 * A condition of a decision: the key's mod_revision is this; 0n: the key does not exist.
 * `within`: the condition is that no key begins with the id (revision is 0n then), which ends in a slash or at a digit of
 * an address. etcd: one compare with range_end, CREATE = 0, which an empty range fulfils.
 */
export interface Compare {
  readonly kind: RecordKind;
  readonly id: string;
  readonly revision: bigint;
  readonly within?: true;
}

export type Write =
  | {
      readonly [K in RecordKind]: {
        readonly op: 'put';
        readonly kind: K;
        readonly id: string;
        readonly record: Records[K];
      };
    }[RecordKind]
  | { readonly op: 'delete'; readonly kind: RecordKind; readonly id: string };

/** A holding that a decision ends, as it goes down in history. */
export interface Ended {
  readonly holding: Holding;
  /** Mod revision of the allocation that ended. */
  readonly revision: bigint;
}

/** The record changes that a granted command leads to, and every record it read, as one etcd transaction. */
export interface Decision {
  readonly compares: readonly Compare[];
  readonly writes: readonly Write[];
  readonly ended?: readonly Ended[];
  /** Tunnels that it deletes, for whoever wants one back. */
  readonly deleted?: readonly DeletedTunnel[];
  /** The same of people, in the same transaction. */
  readonly people?: PersonDecision;
  /** For the audit: the address that it was asked from. */
  readonly source?: string;
  /** For the audit: what is done beside the records, `trim audit/p1/...`. */
  readonly besides?: readonly string[];
  /** For the audit, of a decision that changes nothing: what was refused, and how often. */
  readonly refused?: { readonly method: string; readonly reason: string; readonly count: number };
}
