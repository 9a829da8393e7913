// Fault: what is done to a cluster, as a value: it can be drawn from a seed, printed, saved and done again.

/**
 * What it takes away while it lasts. `daemon`: one daemon, or its way to etcd or to the others. `member`: one member of
 * etcd, so that the rest is a bare majority. `path`: connections to one member or to one daemon, by toxiproxy. `store`: nothing;
 * something is there that should not be. `clock`: the wall clock of one daemon.
 */
export type FaultReach = 'daemon' | 'member' | 'path' | 'store' | 'clock';

/** How long one lasts: milliseconds, or so many leases; `at-once`: it is done and over. */
export type FaultLength = 'at-once' | { readonly leases: Span } | { readonly ms: Span };

type Span = readonly [least: number, most: number];

interface Row {
  readonly reach: FaultReach;
  readonly length: FaultLength;
  readonly what: string;
}

const away: FaultLength = { ms: [500, 4_000] };
const briefly: FaultLength = { ms: [500, 2_000] };
const outlivesLease: FaultLength = { leases: [2, 3] };
const aboutLease: FaultLength = { leases: [0.5, 2.5] };

const daemon = (length: FaultLength, what: string) => ({ reach: 'daemon', length, what }) as const satisfies Row;
const member = (length: FaultLength, what: string) => ({ reach: 'member', length, what }) as const satisfies Row;
const path = (length: FaultLength, what: string) => ({ reach: 'path', length, what }) as const satisfies Row;
const store = (length: FaultLength, what: string) => ({ reach: 'store', length, what }) as const satisfies Row;
const ofClock = (length: FaultLength, what: string) => ({ reach: 'clock', length, what }) as const satisfies Row;

export const faultTable = {
  'daemon-kill': daemon(away, 'SIGKILL; started again at the end'),
  'daemon-stop': daemon(away, 'SIGTERM, which lets it resign; started again at the end'),
  'daemon-freeze': daemon(outlivesLease, 'SIGSTOP; SIGCONT at the end, when others have long taken over'),
  'cut-client': daemon(aboutLease, 'packets from the daemon to every etcd are lost'),
  'cut-mesh': daemon(aboutLease, 'packets between this daemon and the others are lost'),
  'packet-loss': daemon(aboutLease, 'one in five packets between the daemon and etcd, or the other daemons, is lost'),
  'lease-revoked': daemon('at-once', "the lease of the daemon's session is revoked behind its back"),
  compaction: daemon(
    { leases: [1, 2] },
    'as cut-client; at the end history up to now is cut off before it may read on',
  ),
  'etcd-kill': member(away, 'SIGKILL of a member; started again at the end'),
  'etcd-leader-kill': member(away, 'the same of the member that leads when it begins'),
  'etcd-leader-move': member('at-once', 'another member is made to lead'),
  'etcd-freeze': member(aboutLease, 'SIGSTOP of a member'),
  'etcd-wipe': member(briefly, 'a member is killed, taken out and its data deleted; it joins again as a learner'),
  'etcd-no-space': member(briefly, 'a member starts with a quota below what it holds: all writes are refused'),
  'etcd-full-disk': member(away, 'the disk of a member takes nothing more; what that ends is started again'),
  'cut-peer': member(aboutLease, 'packets between this member and the others are lost'),
  'cut-all': member(aboutLease, 'packets between this node and the others are lost'),
  'cut-in': member(aboutLease, 'the same of those that come in alone'),
  'cut-out': member(aboutLease, 'the same of those that go out alone'),
  'cut-bridge': member(aboutLease, 'two nodes lose sight of each other, and this one hears both'),
  'toxic-latency': path(aboutLease, 'answers of etcd take 0.3 s longer'),
  'toxic-jitter': path(aboutLease, 'answers take up to a second longer, each another time'),
  'toxic-reset': path(away, 'connections are reset after 50 ms'),
  'toxic-timeout': path(aboutLease, 'nothing comes through and nothing is closed'),
  'toxic-slicer': path(aboutLease, 'answers come in pieces, half a second apart'),
  'toxic-slow-close': path(aboutLease, 'connections stay open a while after their end'),
  'toxic-limit': path(away, 'connections end in the midst of an answer'),
  'toxic-bandwidth': path(aboutLease, 'answers come at 16 kB/s'),
  'api-latency': path(aboutLease, 'answers of a daemon, to clients and other daemons, take up to 0.6 s longer'),
  'api-reset': path(away, 'connections to a daemon are reset after 50 ms'),
  'api-timeout': path(aboutLease, 'nothing comes from a daemon and nothing is closed'),
  'api-limit': path(away, 'connections to a daemon end in the midst of an answer'),
  poison: store(away, 'records that cannot be read, of every kind and of none'),
  garbage: store(away, 'noise on the port of the API: bytes, broken TLS, broken frames, broken messages'),
  'clock-ahead': ofClock(aboutLease, 'the clock of a daemon jumps 40 s ahead, and back at the end'),
  'clock-behind': ofClock(aboutLease, 'the same backwards'),
  'clock-fast': ofClock(aboutLease, 'the clock of a daemon goes twice as fast, and is set right at the end'),
  'clock-slow': ofClock(aboutLease, 'the same, half as fast'),
} as const satisfies Readonly<Record<string, Row>>;

export type FaultKind = keyof typeof faultTable;

export const faultKinds = Object.keys(faultTable) as readonly FaultKind[];

/** What a run can do besides. */
export interface Means {
  /** Path of toxiproxy's server, or why there is none. */
  readonly toxiproxy?: string;
  readonly noToxiproxy: string;
  /** Path of libfaketime, or why there is none. */
  readonly faketime?: string;
  readonly noFaketime: string;
}

export const doableKinds = (
  kinds: readonly FaultKind[],
  { toxiproxy, faketime }: Pick<Means, 'toxiproxy' | 'faketime'>,
): readonly FaultKind[] =>
  kinds.filter((kind) => {
    const { reach } = faultTable[kind];
    return (reach !== 'path' || toxiproxy !== undefined) && (reach !== 'clock' || faketime !== undefined);
  });

/** Target of `etcd-leader-kill`: nobody knows before which node it will be. */
export const etcdLeader = 'leader';

/** Target of faults of reach `path`, besides nodes: else a daemon soon speaks to another member, and knows no trouble. */
export const everyPath = 'all';

export interface PlannedFault<K extends string = FaultKind> {
  readonly kind: K;
  /** Node: `p1`; or `all`; once done, never `leader`. */
  readonly target: string;
  /** Milliseconds since the run began. */
  readonly at: number;
  /** 0: it is done and over. */
  readonly durationMs: number;
}

/** What became of one. */
export interface DoneFault<K extends string = FaultKind> extends PlannedFault<K> {
  /** When it was really over, in milliseconds since the run began. */
  readonly healedAt: number;
  /** When everything was seen to be right again, where somebody looked. */
  readonly restedAt?: number;
  /** Why it could not be done or healed. */
  readonly problem?: string;
}
