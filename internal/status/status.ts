// Status: what every node has applied, as this daemon knows it from its own reconciler and from the mesh.
//
// On the path: reports come in, waiting callers are woken when the revision they wait for is applied.
// Never: asks anyone anything.

/** How one node hears another. */
export interface Hearing {
  readonly nodeId: string;
  /** A frame or a beacon came within `silenceMs`. */
  readonly heard: boolean;
  readonly rttMs?: number;
  /** How far the other's clock is ahead. */
  readonly clockOffsetMs?: number;
}

/** What a path is worth to the node that it leads from (internal/verdict). */
export interface PathReport {
  readonly interconnectId: string;
  /** Name of its interface. */
  readonly link: string;
  /** The node at its other end. */
  readonly nodeId: string;
  /** BFD has it up. */
  readonly up: boolean;
  /** good, degraded, bad. */
  readonly verdict: string;
  /** 1 to 16, against those of equal paths. */
  readonly weight: number;
  /** Put behind others, as it flaps. */
  readonly detour: boolean;
  /** Words for what is wrong. */
  readonly troubles: readonly string[];
}

/** A BGP session of a node whose neighbour announces what it may not. */
export interface RefusalReport {
  /** BIRD's name of it. */
  readonly session: string;
  /** A node, or an upstream. */
  readonly neighbourId: string;
  /** Routes that stand. */
  readonly imported: number;
  /** Updates that were refused since it came up. */
  readonly refused: number;
  /** Most routes that may stand; 0: any number. */
  readonly limit: number;
  readonly limitHit: boolean;
}

/**
 * Frames come each second (mesh/teller.ts). Five of them: a machine that stands still for two seconds is heard, and one-way
 * loss, which leaves a TCP stream open for as long as it is tried again, shows.
 */
export const silenceMs = 5_000;

/** What a node carries for tunnels. */
export interface Traffic {
  /** Tunnels that have shaken hands within the life of a session. */
  readonly sessions: number;
  /** Bytes a second from clients and to them: means of the last 10 s or so. */
  readonly upBytesPerSecond: bigint;
  readonly downBytesPerSecond: bigint;
  readonly handshakesPerMinute: number;
}

/** A tunnel among those of a node that carry most; bytes a second, as above. */
export interface TunnelRate {
  readonly tunnelId: string;
  readonly upBytesPerSecond: bigint;
  readonly downBytesPerSecond: bigint;
}

/** What a node says of itself; travels over the mesh. */
export interface Report {
  readonly appliedRevision: bigint;
  readonly snapshotRevision: bigint;
  readonly failingSteps: number;
  /** The first of them, in words; empty: none. */
  readonly failure: string;
  /** Why the brake holds a snapshot; empty: it does not. */
  readonly held: string;
  /** No contact with etcd. */
  readonly stale: boolean;
  /** Event loop delay, 99th percentile, milliseconds. */
  readonly loopLagMs: number;
  /** What the rotation of the interconnect key waits for; empty: nothing. */
  readonly rotation: string;
  /** Ids of the CAs that it trusts. */
  readonly trustedAuthorities: readonly string[];
  /** Its role in its PoP: alone, waiting, standby, active; empty: not known. */
  readonly role: string;
  readonly takeoverEpoch: bigint;
  /** What is wrong with the pair; empty: nothing. */
  readonly pairAlarm: string;
  /** What its drain, or the end of it, still waits for; empty: nothing. */
  readonly drainPending: string;
  /** Of a pair, while they are known: states of flows that it has, and those of its sibling that it keeps. */
  readonly flows?: number | undefined;
  readonly flowsHeld?: number | undefined;
  /** While both routings stand beside each other: which sessions it lacks, or `ready`. Empty: they do not. */
  readonly routingChange: string;
  /** Load average of one minute for each processor. */
  readonly load: number;
  /** Its grpc.health.v1 answers NOT_SERVING. */
  readonly notServing: boolean;
  /** What its paths to neighbours are worth to it. */
  readonly paths: readonly PathReport[];
  /** Of its neighbours that announce what they may not, the worst first. */
  readonly refusals: readonly RefusalReport[];
  /** What it hears of others. Empty: it does not tell; of the own report always (see `hears`). */
  readonly hears: readonly Hearing[];
  /** Undefined: it does not tell. */
  readonly traffic?: Traffic | undefined;
  /** The busiest first, 50 at most. */
  readonly busiest: readonly TunnelRate[];
}

export interface NodeStatus {
  readonly nodeId: string;
  readonly connected: boolean;
  readonly report: Report;
  readonly rttMs?: number;
  /** How far that node's clock is ahead of ours, right within half of the round trip; of a lost node the last known. */
  readonly clockOffsetMs?: number;
  /** Wall clock. */
  readonly lastHeard?: Date;
  /** Its last datagram. */
  readonly sighting?: Sighting;
}

/** What a beacon of another node has shown (mesh/beacon.ts). */
export interface Sighting {
  readonly at: Date;
  /** It hears this node. */
  readonly hearsUs: boolean;
}

/** What the frame that brought a report has shown besides it. */
export interface Measured {
  readonly rttMs: number | undefined;
  readonly clockOffsetMs: number | undefined;
}

export const silent: Report = {
  appliedRevision: 0n,
  snapshotRevision: 0n,
  failingSteps: 0,
  failure: '',
  held: '',
  stale: false,
  loopLagMs: 0,
  rotation: '',
  trustedAuthorities: [],
  role: '',
  takeoverEpoch: 0n,
  pairAlarm: '',
  drainPending: '',
  routingChange: '',
  load: 0,
  notServing: false,
  paths: [],
  refusals: [],
  hears: [],
  busiest: [],
};

export interface Status {
  /** Changes the own report; listeners hear of it. */
  update(change: Partial<Report>): void;
  own(): Report;
  /** From the mesh. */
  heard(nodeId: string, report: Report, at: Date, measured?: Measured): void;
  /** A beacon came. */
  sighted(nodeId: string, sighting: Sighting): void;
  lost(nodeId: string): void;
  of(nodeId: string): NodeStatus | undefined;
  /** What this node hears of every other that it ever heard, by id. O(nodes). */
  hears(now: Date): readonly Hearing[];
  /**
   * Gives the nodes that have not applied the revision, each time that set shrinks or changes, first at once; ends when
   * it is empty (the last value is the empty list) or the signal is aborted.
   */
  pending(revision: bigint, nodeIds: readonly string[], signal: AbortSignal): AsyncGenerator<readonly string[], void>;
  /** Hears every change of the own report; gives the way to stop hearing. */
  onOwn(listener: () => void): () => void;
}

/** Whether a node does what the records say, as grpc.health.v1 and the mesh tell it: it knows them, and nothing is held. */
export const isServing = (revision: bigint, dataplaneConnected: boolean, { held }: Pick<Report, 'held'>): boolean =>
  revision > 0n && dataplaneConnected && held === '';

/** Whether a frame of that node came lately. An open stream alone says nothing: TCP takes minutes to give one up. */
export function isHeard({ connected, lastHeard }: NodeStatus, now: Date): boolean {
  return connected && within(lastHeard, now);
}

const within = (at: Date | undefined, now: Date): boolean =>
  at !== undefined && now.getTime() - at.getTime() <= silenceMs;

/** Whether a beacon of that node came lately: it is heard, even where its stream has fallen silent. */
const isSighted = ({ sighting }: NodeStatus, now: Date): boolean => within(sighting?.at, now);

/**
 * Whether a node that is heard hears this one: what its stream tells, and where that is silent, its beacon. Undefined: it is
 * not heard, or does not tell.
 */
export function hearsBack(of: NodeStatus, nodeId: string, now: Date): boolean | undefined {
  if (isHeard(of, now)) return of.report.hears.find((hearing) => hearing.nodeId === nodeId)?.heard;
  return isSighted(of, now) ? of.sighting?.hearsUs : undefined;
}

export function createStatus(nodeId: string): Status {
  const nodes = new Map<string, NodeStatus>([[nodeId, { nodeId, connected: true, report: silent }]]);
  const ownListeners = new Set<() => void>();
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const waiter of [...waiting]) waiter();
  };
  const reportOf = (id: string): Report => nodes.get(id)?.report ?? silent;

  async function* pending(
    revision: bigint,
    nodeIds: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<readonly string[], void> {
    let told: string | undefined;
    while (!signal.aborted) {
      const missing = nodeIds.filter((id) => reportOf(id).appliedRevision < revision).sort();
      if (missing.join(' ') !== told) {
        told = missing.join(' ');
        yield missing;
      }
      if (missing.length === 0) return;
      await new Promise<void>((resolve) => {
        const done = (): void => {
          waiting.delete(done);
          signal.removeEventListener('abort', done);
          resolve();
        };
        waiting.add(done);
        signal.addEventListener('abort', done);
        if (signal.aborted) done();
      });
    }
  }

  return {
    update: (change) => {
      nodes.set(nodeId, { nodeId, connected: true, report: { ...reportOf(nodeId), ...change } });
      for (const listener of ownListeners) listener();
      wake();
    },
    own: () => reportOf(nodeId),
    heard: (id, report, at, measured) => {
      const before = nodes.get(id);
      const rttMs = measured?.rttMs ?? before?.rttMs;
      const clockOffsetMs = measured?.clockOffsetMs ?? before?.clockOffsetMs;
      nodes.set(id, {
        nodeId: id,
        connected: true,
        report,
        lastHeard: at,
        ...(before?.sighting === undefined ? {} : { sighting: before.sighting }),
        ...(rttMs === undefined ? {} : { rttMs }),
        ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
      });
      wake();
    },
    sighted: (id, sighting) => {
      nodes.set(id, { ...(nodes.get(id) ?? { nodeId: id, connected: false, report: silent }), sighting });
    },
    lost: (id) => {
      const before = nodes.get(id);
      if (before !== undefined) nodes.set(id, { ...before, connected: false });
    },
    of: (id) => nodes.get(id),
    hears: (now) =>
      [...nodes.values()]
        .filter((node) => node.nodeId !== nodeId)
        // Sorted, so that what is told is the same as long as nothing changed.
        .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
        .map((node) => ({
          nodeId: node.nodeId,
          heard: isHeard(node, now) || isSighted(node, now),
          ...(node.rttMs === undefined ? {} : { rttMs: node.rttMs }),
          ...(node.clockOffsetMs === undefined ? {} : { clockOffsetMs: node.clockOffsetMs }),
        })),
    pending,
    onOwn: (listener) => {
      ownListeners.add(listener);
      return () => {
        ownListeners.delete(listener);
      };
    },
  };
}
