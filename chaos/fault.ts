// Fault: what is done to a cluster, as a value: it can be drawn from a seed, printed, saved and done again.

/**
 * What it takes away while it lasts. `daemon`: one daemon, or its way to etcd or to the others. `member`: one member of
 * etcd, so that the rest is a bare majority. `path`: the daemons' connections to one member, by toxiproxy.
 */
export type FaultReach = 'daemon' | 'member' | 'path';

/** How long one lasts: milliseconds, or so many leases; `at-once`: it is done and over. */
export type FaultLength = 'at-once' | { readonly leases: Span } | { readonly ms: Span };

type Span = readonly [least: number, most: number];

interface Row {
  readonly reach: FaultReach;
  readonly length: FaultLength;
}

const away: FaultLength = { ms: [500, 4_000] };
const outlivesLease: FaultLength = { leases: [2, 3] };
const aboutLease: FaultLength = { leases: [0.5, 2.5] };

export const faultTable = {
  /** SIGKILL; started again at the end. */
  'daemon-kill': { reach: 'daemon', length: away },
  /** SIGTERM, which lets it resign; started again at the end. */
  'daemon-stop': { reach: 'daemon', length: away },
  /** SIGSTOP; SIGCONT at the end, when others have long taken over. */
  'daemon-freeze': { reach: 'daemon', length: outlivesLease },
  /** Packets from the daemon to every etcd are lost. */
  'cut-client': { reach: 'daemon', length: aboutLease },
  /** Between this daemon and the others. */
  'cut-mesh': { reach: 'daemon', length: aboutLease },
  /** The lease of the daemon's session is revoked behind its back. */
  'lease-revoked': { reach: 'daemon', length: 'at-once' },
  'etcd-kill': { reach: 'member', length: away },
  /** Of the member that leads when it begins. */
  'etcd-leader-kill': { reach: 'member', length: away },
  'etcd-freeze': { reach: 'member', length: aboutLease },
  /** Between the members of etcd alone. */
  'cut-peer': { reach: 'member', length: aboutLease },
  /** Everything between this node and the others, both ways or one way. */
  'cut-all': { reach: 'member', length: aboutLease },
  'cut-in': { reach: 'member', length: aboutLease },
  'cut-out': { reach: 'member', length: aboutLease },
  'toxic-latency': { reach: 'path', length: aboutLease },
  'toxic-reset': { reach: 'path', length: away },
  'toxic-timeout': { reach: 'path', length: aboutLease },
  'toxic-slicer': { reach: 'path', length: aboutLease },
  'toxic-limit': { reach: 'path', length: away },
  'toxic-bandwidth': { reach: 'path', length: aboutLease },
} as const satisfies Readonly<Record<string, Row>>;

export type FaultKind = keyof typeof faultTable;

export const faultKinds = Object.keys(faultTable) as readonly FaultKind[];

/** Target of `etcd-leader-kill`: nobody knows before which node it will be. */
export const etcdLeader = 'leader';

/** Target of faults of reach `path`, besides nodes: else a daemon soon speaks to another member, and knows no trouble. */
export const everyPath = 'all';

export interface PlannedFault {
  readonly kind: FaultKind;
  /** Node: `p1`; or `all`; once done, never `leader`. */
  readonly target: string;
  /** Milliseconds since the run began. */
  readonly at: number;
  /** 0: it is done and over. */
  readonly durationMs: number;
}

/** What became of one. */
export interface DoneFault extends PlannedFault {
  /** When it was really over, in milliseconds since the run began. */
  readonly healedAt: number;
  /** Why it could not be done or healed. */
  readonly problem?: string;
}
