// Wires the role of a node in its PoP: facts from BIRD and WireGuard, orders to nft, applier and WireGuard.

import { dirname, join } from 'node:path';
import type { AnyDriver, Applier } from '#internal/applier/applier.ts';
import type { Clock } from '#internal/clock/clock.ts';
import { madeKeyBase, type NodeConfig } from '#internal/config/config.ts';
import type { Pair } from '#internal/dataplane/dataplane.ts';
import { isAccessLink } from '#internal/dataplane/ownership.ts';
import type { BirdDriver } from '#internal/driver/bird/bird.ts';
import type { ConntrackdDriver } from '#internal/driver/conntrackd/conntrackd.ts';
import type { FloatDriver } from '#internal/driver/float/float.ts';
import type { NftDriver } from '#internal/driver/nft/nft.ts';
import type { Relay } from '#internal/driver/relay/relay.ts';
import type { WgDriver } from '#internal/driver/wg/wg.ts';
import {
  createCaller,
  createDuty,
  createEndpoints,
  createMemory,
  createTripReader,
  type DutyHolder,
} from '#internal/duty/duty.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { endpointAddress, endpointHost } from '#internal/netip/netip.ts';
import type { FromDataplane, Whereabouts } from '#internal/seam/seam.ts';
import { toldRole } from '#internal/takeover/takeover.ts';

export interface DutyWiring {
  readonly config: NodeConfig;
  readonly drivers: {
    readonly wg: WgDriver;
    readonly nft: NftDriver;
    readonly bird: BirdDriver;
    readonly float: FloatDriver;
    readonly states: ConntrackdDriver;
    readonly relay: Relay;
  };
  readonly applier: () => Applier;
  readonly send: (message: FromDataplane) => void;
  /** Of both access interfaces. */
  readonly telemetry: () => Promise<Telemetry>;
  /** Nodes of other PoPs are told of its clients. */
  readonly shares: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** Of one access interface. */
type Telemetry = readonly (Awaited<ReturnType<WgDriver['telemetry']>>[number] & { readonly peer: string })[];

export interface WiredDuty {
  readonly holder: DutyHolder;
  /** Holds the pair for the plan to compare with; what it means is the holder's. */
  readonly driver: AnyDriver;
  /** Of the peers of access interfaces, each time that they are read anyway. */
  look(peers: Telemetry): void;
  /** From the sibling. */
  told(message: Whereabouts): void;
  /** Milliseconds that the own clock is ahead of the network's. */
  clockAhead(ms: number): void;
  /** Why this node must not call its peers; empty: it may. */
  hindrance(): string;
  /** Everything that a network half must hear that has just come. */
  greet(send: (message: FromDataplane) => void): void;
}

/**
 * A client takes no handshake that is older than the last (TAI64N, WireGuard paper 5.1): calls of a clock that is ahead shut the
 * sibling out for as long as it is ahead. Offsets of the mesh are right within half a round trip.
 */
const mostAheadMs = 50;
/** Calls of one that is behind are refused for at most as long as it is behind: a takeover may take a third of a second more. */
const mostBehindMs = 300;

function pairDriver(): AnyDriver {
  const pair = new Map<string, Pair>();
  return {
    kinds: ['pair'],
    observe: async () => ({ pair: new Map(pair) }),
    apply: async (steps) => {
      for (const step of steps) {
        if (step.kind !== 'pair') continue;
        if (step.op === 'remove') pair.delete(step.key);
        else pair.set(step.key, step.want);
      }
      return [];
    },
    onDisturbance: () => undefined,
    close: async () => undefined,
  };
}

export async function wireDuty(wiring: DutyWiring, signal: AbortSignal): Promise<WiredDuty> {
  const { config, drivers, applier, send, clock, log } = wiring;
  const { wg, nft, bird, float, states, relay } = drivers;
  // Where this half keeps what outlives the machine: the network half's directory is not its own.
  const ownDir = dirname(madeKeyBase(config));
  const endpoints = createEndpoints(
    join(ownDir, 'sibling-endpoints'),
    clock,
    (cause) => log.warn('endpoints-unwritten', { reason: messageOf(cause) }),
    signal,
  );
  let aheadMs = 0;
  const hindrance = (): string =>
    aheadMs > mostAheadMs ? `the clock is ${aheadMs} ms ahead of the network's: calls would shut others out` : '';
  const caller = createCaller({
    dial: (calls, again) => wg.dial(calls, again),
    hangUp: (peers) => wg.hangUp(peers),
    handshakes: async () =>
      (await wiring.telemetry()).map(({ peer, lastHandshakeMs }) => ({ peerKey: peer, lastHandshakeMs })),
    known: endpoints.byAge,
    peerOf: (key) => applier().standingPeer(key),
    apart: (work) => applier().apart(work),
    hindrance,
    clock,
    log,
  });
  const whereabouts = (peers: ReturnType<typeof endpoints.byAge>): Whereabouts => ({
    type: 'whereabouts',
    peers: peers.map(({ peerKey, endpoint, handshakeMs, rttMs = 0 }) => {
      const [link = '', publicKey = ''] = peerKey.split(' ');
      return [publicKey, endpoint, handshakeMs, link, rttMs];
    }),
  });
  const measure = createTripReader(
    {
      read: nft.roundTrips,
      measured: (peers, trips) => {
        const news = endpoints.measured(peers, trips);
        if (news.length > 0) send(whereabouts(news));
      },
      failed: (cause) => log.warn('round-trips-unread', { reason: messageOf(cause) }),
      clock,
    },
    signal,
  );
  const holder = await createDuty({
    bird: {
      bfdSessions: () => bird.bfdSessions('transport'),
      protocols: () => bird.protocols('transport'),
      medsIn: (table) => bird.medsIn('transport', table),
    },
    alive: (link) => wg.lives(link),
    neighbour: float.neighbour,
    clockBehind: () => aheadMs < -mostBehindMs,
    lease: nft.lease,
    applier,
    calls: { ...caller, hindrance },
    states,
    relay,
    memory: createMemory(join(config.runDir, 'leads'), join(ownDir, 'takeover-epoch')),
    clock,
    log,
    changed: (report) => send({ type: 'duty', ...report }),
  });
  const isActive = (): boolean => toldRole(holder.report().role) === 'active';
  const tellsOfClients = (): boolean => isActive() || (holder.report().role === 'alone' && wiring.shares());
  wg.onDeath((link) => {
    if (isAccessLink(link)) holder.died();
  });
  return {
    holder,
    driver: pairDriver(),
    look: (peers) => {
      if (!tellsOfClients()) return;
      const news = endpoints.seen(peers.map(({ peer, ...of }) => ({ ...of, peerKey: peer })));
      if (news.length > 0) send(whereabouts(news));
      if (isActive()) measure(news.map(({ peerKey }) => peerKey));
    },
    told: (message) => {
      // The network half has looked; that it did is not relied on.
      const peers = message.peers.filter(([, endpoint]) => endpointAddress(endpoint) !== undefined);
      endpoints.told(
        peers.map(([publicKey, endpoint, handshakeMs, link, rttMs = 0]) => ({
          peerKey: `${link} ${publicKey}`,
          endpoint,
          handshakeMs,
          ...(rttMs > 0 && { rttMs }),
        })),
      );
      // When this node has taken over, they come first at its gate.
      nft
        .known(peers.map(([, endpoint]) => endpointHost(endpoint)))
        .catch((cause: unknown) => log.warn('known-sources', { reason: messageOf(cause) }));
    },
    hindrance,
    clockAhead: (ms) => {
      aheadMs = ms;
    },
    greet: (greeted) => {
      greeted({ type: 'duty', ...holder.report() });
      if (tellsOfClients()) greeted(whereabouts(endpoints.byAge()));
    },
  };
}
