// Teller: the outgoing half of one mesh stream. A frame goes out when the own report has changed (once for all changes
// of one turn of the event loop) and each second, with the echo that gives the other side the round trip time.

import { create } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import type { NodeTraffic } from '#internal/gen/pop44/v1/common_pb.ts';
import { type BusyTunnels, type MeshFrame, MeshFrameSchema, type NodeReport } from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { Claim, Contest } from '#internal/presence/presence.ts';
import type { Report, Status, Traffic, TunnelRate } from '#internal/status/status.ts';
import { mostBusiest } from '#internal/traffic/traffic.ts';
import { createClockOffset } from './clock-offset.ts';

const heartbeatMs = 1_000;

/** What the streams carry of tunnels; presence itself lives elsewhere. */
export interface Claims {
  all(): readonly Claim[];
  /** From a peer; gives what it must hear in return. */
  told(peer: string, claims: readonly Claim[]): readonly Claim[];
  asked(peer: string, contests: readonly Contest[]): void;
  /** What a peer had open of a tunnel that has moved here from it. Gives whether it is taken. */
  carried(peer: string, tunnelId: string, flows: readonly Flow[]): boolean;
  /** What is open here of a tunnel that a peer is about to take over; nothing where it may not. */
  open(peer: string, tunnelId: string): Promise<readonly Flow[]>;
}

interface Parts {
  readonly status: Status;
  readonly clock: Clock;
  readonly presence: Claims;
}

export interface Teller {
  frames(): AsyncGenerator<MeshFrame, void>;
  /** A frame of the other side: its time stamp is echoed, what it says reaches status and presence. */
  hear(peer: string, frame: MeshFrame): void;
  /** Goes out with the next frame, at once. */
  tell(claims: readonly Claim[]): void;
  /** The same; what is asked goes out with one frame alone. */
  ask(contests: readonly Contest[]): void;
  end(): void;
}

/** What is compared with others' figures; that of a node which writes no number is none. */
const finite = (value: number): number => (Number.isFinite(value) ? value : 0);

const reportOf = (message: NodeReport, busiest: Report['busiest']): Report => ({
  traffic: message.traffic && trafficOf(message.traffic),
  busiest,
  appliedRevision: message.appliedRevision,
  snapshotRevision: message.snapshotRevision,
  failingSteps: message.failingSteps,
  failure: message.failure,
  held: message.held,
  stale: message.stale,
  loopLagMs: finite(message.loopLagMs),
  rotation: message.rotation,
  trustedAuthorities: message.trustedAuthorities,
  role: message.role,
  takeoverEpoch: message.takeoverEpoch,
  pairAlarm: message.pairAlarm,
  drainPending: message.drainPending,
  routingChange: message.routingChange,
  flows: message.flows,
  flowsHeld: message.flowsHeld,
  load: finite(message.load),
  notServing: message.notServing,
  paths: message.paths.map(({ interconnectId, link, nodeId, up, verdict, weight, detour, troubles }) => ({
    ...{ interconnectId, link, nodeId, up, verdict, weight, detour, troubles },
  })),
  refusals: message.refusals.map(({ session, neighbourId, imported, refused, limit, limitHit }) => ({
    ...{ session, neighbourId, imported, refused, limit, limitHit },
  })),
  hears: message.hears.map(({ nodeId, heard, rttMs, clockOffsetMs }) => ({
    ...{ nodeId, heard },
    ...(rttMs === undefined ? {} : { rttMs }),
    ...(clockOffsetMs === undefined ? {} : { clockOffsetMs }),
  })),
});

const trafficOf = ({ sessions, upBytesPerSecond, downBytesPerSecond, handshakesPerMinute }: NodeTraffic): Traffic => ({
  sessions,
  upBytesPerSecond,
  downBytesPerSecond,
  handshakesPerMinute,
});

/** No more of them than a node tells, whoever writes it. */
const ratesOf = ({ tunnels }: BusyTunnels): readonly TunnelRate[] =>
  tunnels.slice(0, mostBusiest).map(({ tunnelId, upBytesPerSecond, downBytesPerSecond }) => ({
    ...{ tunnelId, upBytesPerSecond, downBytesPerSecond },
  }));

const microseconds = (clock: Clock): bigint => BigInt(Math.round(clock.monotonicMs() * 1_000));

/** Claims in one frame, whoever writes it; 100 bytes each, well below the message limit. */
const mostClaims = 10_000;

export function createTeller({ status, clock, presence }: Parts, signal: AbortSignal): Teller {
  let ended = false;
  let wake: (() => void) | undefined;
  // A change while a frame is being written must not wait for the heartbeat.
  let changed = false;
  /** By tunnel, the last that is known: whoever does not listen must not make it grow. */
  const untold = new Map(presence.all().map((claim) => [claim.tunnelId, claim]));
  let unasked: readonly Contest[] = [];
  /** As it was told last on this stream: a value that stays the same is not told again. */
  let toldBusiest: Report['busiest'] = [];
  let last: { readonly us: bigint; readonly at: bigint } | undefined;
  const offset = createClockOffset();
  const nudge = (): void => {
    changed = true;
    wake?.();
  };
  const forget = status.onOwn(nudge);
  signal.addEventListener('abort', nudge);

  const frame = (): MeshFrame => {
    const now = microseconds(clock);
    const told = untold.values().take(mostClaims).toArray();
    const { busiest, traffic, ...own } = status.own();
    const busy = busiest === toldBusiest ? {} : { busy: { tunnels: [...busiest] } };
    toldBusiest = busiest;
    const made = create(MeshFrameSchema, {
      sentUs: now,
      sentWallMs: BigInt(clock.wall().getTime()),
      echoUs: last?.us ?? 0n,
      echoHeldUs: last === undefined ? 0n : now - last.at,
      report: {
        ...own,
        trustedAuthorities: [...own.trustedAuthorities],
        paths: own.paths.map((path) => ({ ...path, troubles: [...path.troubles] })),
        refusals: [...own.refusals],
        hears: [...status.hears(clock.wall())],
        ...(traffic && { traffic }),
      },
      ...busy,
      presence: told.map(({ handshakeMs, ...claim }) => ({ ...claim, handshakeMs: BigInt(Math.round(handshakeMs)) })),
      contests: [...unasked],
    });
    for (const { tunnelId } of told) untold.delete(tunnelId);
    unasked = [];
    if (untold.size > 0) changed = true;
    // An echo is good for one measurement.
    last = undefined;
    return made;
  };

  const tell = (claims: readonly Claim[]): void => {
    if (claims.length === 0) return;
    for (const claim of claims) untold.set(claim.tunnelId, claim);
    nudge();
  };

  async function* frames(): AsyncGenerator<MeshFrame, void> {
    try {
      while (!ended && !signal.aborted) {
        changed = false;
        yield frame();
        if (changed) continue;
        const next = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const timer = setTimeout(nudge, heartbeatMs);
        await next;
        clearTimeout(timer);
        wake = undefined;
      }
    } finally {
      forget();
      signal.removeEventListener('abort', nudge);
    }
  }

  return {
    frames,
    hear: (peer, heard) => {
      const now = microseconds(clock);
      last = { us: heard.sentUs, at: now };
      const rttMs = heard.echoUs === 0n ? undefined : Number(now - heard.echoUs - heard.echoHeldUs) / 1_000;
      const at = clock.wall();
      const clockOffsetMs =
        rttMs === undefined
          ? undefined
          : offset.sample({ sentWallMs: Number(heard.sentWallMs), heardWallMs: at.getTime(), rttMs });
      if (heard.report !== undefined) {
        const busiest = heard.busy === undefined ? (status.of(peer)?.report.busiest ?? []) : ratesOf(heard.busy);
        status.heard(peer, reportOf(heard.report, busiest), at, { rttMs, clockOffsetMs });
      }
      const claims = heard.presence.slice(0, mostClaims).map(({ tunnelId, nodeId, sequence, handshakeMs }) => ({
        ...{ tunnelId, nodeId: nodeId || peer },
        // A build that does not count yet.
        sequence: sequence || 1,
        handshakeMs: Number(handshakeMs),
      }));
      if (claims.length > 0) tell(presence.told(peer, claims));
      const contests = heard.contests.slice(0, mostClaims).map(({ tunnelId, speaks }) => ({ tunnelId, speaks }));
      if (contests.length > 0) presence.asked(peer, contests);
    },
    tell,
    ask: (contests) => {
      if (contests.length === 0) return;
      // A frame that has not gone yet is asked by these.
      unasked = contests.slice(0, mostClaims);
      nudge();
    },
    end: () => {
      ended = true;
      nudge();
    },
  };
}
