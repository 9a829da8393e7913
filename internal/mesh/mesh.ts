// Mesh: one stream between every two daemons; each tells the other what it has applied and how it fares.
//
// On the path: the own report goes out when it changes and each second; others' reports reach status.
// Never: decides anything from them, or waits for a peer.

import type { ChannelCredentials, Server } from '@grpc/grpc-js';
import type { Clock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type MeshFrame,
  MeshService,
  type StreamRequest,
  type StreamResponse,
} from '#internal/gen/pop44/v1/mesh_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import type { Claim, Contest } from '#internal/presence/presence.ts';
import { connect, implement, serverNameOf } from '#internal/rpc/rpc.ts';
import type { Status } from '#internal/status/status.ts';
import type { Bytes } from '#internal/traffic/traffic.ts';
import { askForFlows, askToCarry, flowsTold, wireOf } from './carry.ts';
import { type Claims, createTeller, type Teller } from './teller.ts';
import { type Measure, tellReach } from './reach.ts';
import { askUsage, tellUsage, type UsageOfNode } from './usage.ts';
import type { Whereabout } from './whereabouts.ts';

export { runBeacon } from './beacon.ts';
export { believed } from './believed.ts';
export { aheadOfMedian } from './clock-offset.ts';
export { askExplain, askReach, type Measure } from './reach.ts';
export { createSiblingTeller, type SiblingTeller, type Whereabout } from './whereabouts.ts';

export interface MeshParts {
  readonly nodeId: string;
  readonly status: Status;
  readonly clock: Clock;
  readonly log: Log;
  /** For a connection to come. */
  readonly credentials: () => ChannelCredentials;
  readonly presence: Claims;
  /** What this node has counted of a tunnel. */
  readonly traffic: { of(tunnelId: string): Bytes | undefined };
}

/** What a node's sibling may tell it, and an admin order it by way of another node. */
export interface PairEnd {
  /** Gives who hears it, empty when nobody does. @param from the node that tells */
  told(from: string, peers: readonly Whereabout[]): string;
  takeOver(): Promise<string>;
}

export interface Mesh {
  /** Registers the service with the daemon's gRPC server. */
  serve(server: Server, admit: Parameters<typeof implement>[3], pair: PairEnd, measure: Measure): void;
  /** Has that node take its PoP over; gives why it did not, empty when it did. */
  orderTakeover(nodeId: string, signal: AbortSignal): Promise<string>;
  /** Mesh addresses of the others, by id. */
  addresses(): ReadonlyMap<string, { readonly address: string; readonly port: number }>;
  /** Where a node answers, while it is one of the mesh. */
  addressOf(nodeId: string): string | undefined;
  /** To every node that a stream is open to. */
  tell(claims: readonly Claim[]): void;
  /** The same, of tunnels that are held elsewhere. */
  ask(contests: readonly Contest[]): void;
  /** Nodes that there are now; opens and closes streams accordingly. */
  nodes(all: Iterable<Node>): void;
  /**
   * To the node that a tunnel has moved to: what is open of it here. Gives whether it was taken: a node that has not heard of
   * the move yet takes nothing. @throws when it does not answer
   */
  carry(nodeId: string, tunnelId: string, flows: readonly Flow[], signal: AbortSignal): Promise<boolean>;
  /** What flows that node has open of a tunnel that it holds. @throws when it does not answer */
  flows(nodeId: string, tunnelId: string, signal: AbortSignal): Promise<readonly Flow[]>;
  /** What every other node of the mesh has counted of a tunnel. */
  usage(tunnelId: string, signal: AbortSignal): Promise<readonly UsageOfNode[]>;
  /** The credentials are new: every stream is opened anew, and the old one ends when the new one had time to come up. */
  renew(): void;
  close(): void;
}

/** Milliseconds: longer than a node gives its own half for a move that loses nothing (seam/takeover-asker.ts: 60 s). */
const orderMs = 65_000;
/** Milliseconds that an old stream is kept beside the new one. */
const overlapMs = 5_000;

/** To one node: one, beside it while credentials change another, and what the other side has not given up yet. */
const mostStreams = 4;

/** Milliseconds before a stream that ended is opened again. */
const redialMs = 500;

export function createMesh({ nodeId, status, clock, log, credentials, presence, traffic }: MeshParts): Mesh {
  const dialled = new Map<string, { readonly target: string; readonly stop: AbortController }>();
  /** By stream, the node at its other end. */
  const tellers = new Map<Teller, string>();
  const parts = { status, clock, presence };
  /** Where every other node is reached, by id. */
  let others = new Map<string, string>();
  let addresses = new Map<string, { readonly address: string; readonly port: number }>();

  async function once(peer: string, target: string, signal: AbortSignal): Promise<void> {
    const connection = connect(MeshService, target, credentials(), { serverName: serverNameOf(peer) });
    const teller = open(peer, signal);
    const outgoing = (async function* () {
      for await (const frame of teller.frames()) yield { frame };
    })();
    try {
      for await (const message of connection.call.stream(outgoing, { signal })) hear(teller, peer, message.frame);
    } finally {
      close(teller);
      connection.close();
    }
  }

  const hear = (teller: Teller, peer: string, frame: MeshFrame | undefined): void => {
    if (frame !== undefined) teller.hear(peer, frame);
  };
  const open = (peer: string, signal: AbortSignal): Teller => {
    const before = [...tellers].flatMap(([each, to]) => (to === peer ? [each] : []));
    if (before.length >= mostStreams) before[0]?.end();
    const teller = createTeller(parts, signal);
    tellers.set(teller, peer);
    return teller;
  };
  const close = (teller: Teller): void => {
    tellers.delete(teller);
    teller.end();
  };
  /** Unless another stream to it goes on. */
  const lost = (peer: string): void => {
    if (![...tellers.values()].includes(peer)) status.lost(peer);
  };

  async function dial(peer: string, target: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await once(peer, target, signal);
      } catch {
        // A peer that is away is no fault of ours; that it is away stands in the status.
      }
      lost(peer);
      await clock.sleep(redialMs, signal).catch(() => undefined);
    }
  }

  return {
    serve: (server, options, pair, measure) =>
      implement(
        server,
        MeshService,
        {
          tellUsage: async ({ tunnelId }) => tellUsage(traffic.of(tunnelId)),
          tellWhereabouts: async ({ peers }, call) => {
            const told = peers.map(({ publicKey, endpoint, handshakeMs, link, rttMs }): Whereabout => {
              return [Buffer.from(publicKey).toString('base64'), endpoint, Number(handshakeMs), link, rttMs];
            });
            return { listener: pair.told(call.principal.id, told) };
          },
          carryFlows: async ({ tunnelId, flows }, call) => ({
            taken: presence.carried(call.principal.id, tunnelId, flowsTold(flows)),
          }),
          askFlows: async ({ tunnelId }, call) => ({
            flows: (await presence.open(call.principal.id, tunnelId)).map(wireOf),
          }),
          askReach: (request) => tellReach(measure, request),
          orderTakeover: async () => ({ problem: await pair.takeOver() }),
          stream: async function* (incoming: AsyncIterable<StreamRequest>, call) {
            const peer = call.principal.id;
            const teller = open(peer, call.signal);
            const listening = (async () => {
              try {
                for await (const message of incoming) hear(teller, peer, message.frame);
              } finally {
                close(teller);
              }
            })();
            listening.catch(() => undefined);
            log.info('mesh-up', { peer });
            try {
              for await (const frame of teller.frames()) yield { frame } as StreamResponse;
            } finally {
              close(teller);
              lost(peer);
              log.info('mesh-down', { peer });
            }
          },
        },
        options,
      ),
    tell: (claims) => {
      for (const teller of tellers.keys()) teller.tell(claims);
    },
    ask: (contests) => {
      for (const teller of tellers.keys()) teller.ask(contests);
    },
    nodes: (all) => {
      addresses = new Map();
      for (const { id, meshAddress, apiPort } of all)
        if (id !== nodeId && meshAddress !== '') addresses.set(id, { address: meshAddress, port: apiPort });
      others = new Map([...addresses].map(([id, { address, port }]) => [id, endpointAt(address, port)]));
      // The lower id opens the stream, so that every two nodes have one.
      const wanted = new Map([...others].filter(([id]) => nodeId < id));
      for (const [peer, { target, stop }] of dialled)
        if (wanted.get(peer) !== target) {
          stop.abort();
          dialled.delete(peer);
        }
      for (const [peer, target] of wanted)
        if (!dialled.has(peer)) {
          const stop = new AbortController();
          dialled.set(peer, { target, stop });
          void dial(peer, target, stop.signal);
        }
    },
    addresses: () => addresses,
    addressOf: (id) => others.get(id),
    orderTakeover: async (id, signal) => {
      const target = others.get(id);
      if (target === undefined) return 'it is not on the mesh';
      const connection = connect(MeshService, target, credentials(), { serverName: serverNameOf(id) });
      try {
        return (await connection.call.orderTakeover({}, { signal, deadlineMs: orderMs })).problem;
      } finally {
        connection.close();
      }
    },
    carry: async (id, tunnelId, flows, signal) => {
      const target = others.get(id);
      return target !== undefined && askToCarry({ nodeId: id, target, tunnelId, flows }, credentials(), signal);
    },
    flows: async (id, tunnelId, signal) => {
      const target = others.get(id);
      return target === undefined ? [] : askForFlows({ nodeId: id, target, tunnelId }, credentials(), signal);
    },
    usage: (tunnelId, signal) => askUsage(others, credentials(), tunnelId, signal),
    renew: () => {
      for (const [peer, { target, stop }] of dialled) {
        const next = new AbortController();
        // Who is no peer any more by then has ended both.
        stop.signal.addEventListener('abort', () => {
          if (dialled.get(peer)?.stop !== next) next.abort();
        });
        dialled.set(peer, { target, stop: next });
        void dial(peer, target, next.signal);
        clock.sleep(overlapMs, next.signal).then(
          () => stop.abort(),
          () => stop.abort(),
        );
      }
    },
    close: () => {
      for (const { stop } of dialled.values()) stop.abort();
      dialled.clear();
    },
  };
}
