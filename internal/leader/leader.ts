// Leader: the way of a request from the daemon that took it to the one that leads its pool, and of the answer back.
//
// On the path: submit asks for a fence where this daemon leads, and forwards where another does; the service below lets
// others do the same here. One stream a pair and direction, all that comes within a turn of the event loop in one message.
// Never: decides anything, or stands between a request and its transaction: without an answer the request is carried
// out where it was taken.

import type { ChannelCredentials, Server } from '@grpc/grpc-js';
import type { Clock } from '#internal/clock/clock.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import type { Log } from '#internal/log/log.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { implement, type ImplementOptions } from '#internal/rpc/rpc.ts';
import type { LeaderFence } from '#internal/store/store.ts';
import type { Lead } from '#internal/submit/submit.ts';
import { type CarryOut, carriedOut } from './carry-out.ts';
import { createForwarder, type Forwarder } from './forwarder.ts';

export { createPromoter } from './promoting.ts';
export { sweepAgainAndAgain } from './sweeping.ts';

/** What is needed of the election. */
export interface Elected {
  /** Of a pool that this daemon leads, while that is certain. */
  held(poolId: string): LeaderFence | undefined;
  leaderOf(poolId: string): string | undefined;
}

export interface LeaderParts {
  readonly nodeId: string;
  readonly election: Elected;
  /** For a connection to come. */
  readonly credentials: () => ChannelCredentials;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Leader extends Lead {
  /** Registers the service. `carryOut`: by gRPC path of the method, undefined of one that is not led. */
  serve(server: Server, gate: ImplementOptions, carryOut: (method: string) => CarryOut | undefined): void;
  /** The nodes that there are now. */
  nodes(all: Iterable<Node>): void;
  close(): void;
}

export function createLeader({ nodeId, election, credentials, clock, log }: LeaderParts): Leader {
  const forwarders = new Map<string, Forwarder>();

  return {
    fence: (poolId) => election.held(poolId),
    async forward(request) {
      const leader = election.leaderOf(request.poolId);
      const forwarder = leader === undefined ? undefined : forwarders.get(leader);
      return forwarder === undefined ? 'unsent' : forwarder.send(request);
    },
    serve(server, gate, carryOut) {
      implement(server, LeaderService, { forward: (incoming, call) => carriedOut(incoming, call, carryOut) }, gate);
    },
    nodes(all) {
      const wanted = new Map<string, string>();
      for (const node of all) if (node.id !== nodeId) wanted.set(node.id, endpointAt(node.meshAddress, node.apiPort));
      for (const [id, forwarder] of forwarders) {
        if (wanted.get(id) === forwarder.target) continue;
        forwarder.close();
        forwarders.delete(id);
      }
      for (const [id, target] of wanted) {
        if (!forwarders.has(id)) forwarders.set(id, createForwarder({ peer: id, target, credentials, clock, log }));
      }
    },
    close() {
      for (const forwarder of forwarders.values()) forwarder.close();
      forwarders.clear();
    },
  };
}
