// Wires the network half's part of a pair: what the privileged half tells of its role and of its peers goes to the others,
// and what the sibling tells comes back to it.

import { randomUUID } from 'node:crypto';
import type { Clock } from '#internal/clock/clock.ts';
import { siblingOfNode } from '#internal/desired/desired.ts';
import { aheadOfMedian, believed, createSiblingTeller, type Mesh, type PairEnd } from '#internal/mesh/mesh.ts';
import { peerKeyId, type Snapshot } from '#internal/model/model.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import { createTakeoverAsker, type FromDataplane, type FromNetwork, type Whereabouts } from '#internal/seam/seam.ts';
import type { Status } from '#internal/status/status.ts';
import { speaks, toldRole } from '#internal/takeover/takeover.ts';
import { createSeen, type Seen } from './seen.ts';

export interface PairParts {
  readonly nodeId: string;
  readonly mesh: Pick<Mesh, 'addressOf'>;
  readonly status: Status;
  readonly snapshot: () => Snapshot;
  readonly credentials: Parameters<typeof createSiblingTeller>[0]['credentials'];
  readonly send: (message: FromNetwork) => void;
  /** The sibling's clients, as it tells of them. */
  readonly expected: (peers: Whereabouts['peers']) => void;
  readonly clock: Clock;
}

export interface Pairing extends PairEnd {
  /** Clients of the pair, as either node has told. */
  readonly seen: Seen;
  /** This node is heard at the endpoint of its pair, as its privileged half has told. */
  carries(): boolean;
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  /** The records or the mesh changed: the sibling may be another. */
  settle(): void;
  lost(): void;
  /** Twice a second: the clocks of others may have become known. */
  beat(): void;
}

/** An order that was carried out moves a PoP, and a client's session: nobody needs the next one sooner. */
const orderEachMs = 10_000;

/** A change of less is the noise of the mesh's round trips. */
const toldStepMs = 10;

export function createPairing(parts: PairParts, signal: AbortSignal): Pairing {
  const { nodeId, mesh, status, snapshot, credentials, send, clock } = parts;
  const stands = (publicKey: string): boolean => {
    const key = parseWgKey(publicKey);
    return typeof key === 'string' && snapshot().peerkeys.has(peerKeyId(key));
  };
  const teller = createSiblingTeller({ credentials, stands, clock, signal });
  const asker = createTakeoverAsker(send);
  const seen = createSeen(stands);
  /** Of the privileged half that is connected now; empty: none is. */
  let listener = '';
  let role = '';
  let carries = false;
  let toldAheadMs = Number.NaN;
  let orderedMs = Number.NEGATIVE_INFINITY;

  const settle = (): void => {
    const sibling = siblingOfNode(snapshot(), nodeId);
    const target = sibling === undefined ? undefined : mesh.addressOf(sibling);
    teller.listener(
      sibling === undefined || target === undefined || role !== 'active' ? undefined : { nodeId: sibling, target },
    );
  };
  return {
    seen,
    told: (from, peers) => {
      if (listener === '' || from !== siblingOfNode(snapshot(), nodeId)) return '';
      const taken = believed(peers, stands, clock.wall().getTime());
      seen.take(taken);
      if (taken.length > 0) {
        send({ type: 'whereabouts', peers: taken });
        // Who leads believes himself.
        if (role !== 'active') parts.expected(taken);
      }
      return listener;
    },
    takeOver: async () => {
      const nowMs = clock.monotonicMs();
      if (nowMs - orderedMs < orderEachMs) return `it was ordered to less than ${orderEachMs / 1_000} s ago`;
      orderedMs = nowMs;
      const problem = await asker.ask();
      // What was refused has moved nothing, and may be tried again at once.
      if (problem !== '') orderedMs = Number.NEGATIVE_INFINITY;
      return problem;
    },
    heard: (message) => {
      if (message.type === 'hello') {
        listener = randomUUID();
        toldAheadMs = Number.NaN;
      }
      if (message.type === 'taken-over') asker.told(message);
      if (message.type === 'whereabouts') {
        seen.take(message.peers);
        teller.tell(message.peers);
      }
      if (message.type === 'flows') status.update({ flows: message.flows, flowsHeld: message.held });
      if (message.type !== 'duty') return;
      role = toldRole(message.role);
      carries = message.role !== 'alone' && speaks(message.role);
      if (role !== 'active') teller.forget();
      status.update({ role, takeoverEpoch: BigInt(message.epoch), pairAlarm: message.alarm });
      settle();
    },
    settle,
    carries: () => carries,
    beat: () => {
      const others = [...snapshot().nodes.keys()].flatMap((id) => {
        const of = id === nodeId ? undefined : status.of(id);
        return of?.connected === true && of.clockOffsetMs !== undefined ? [of.clockOffsetMs] : [];
      });
      const aheadMs = Math.round(aheadOfMedian(others));
      if (listener === '' || Math.abs(aheadMs - toldAheadMs) < toldStepMs) return;
      toldAheadMs = aheadMs;
      send({ type: 'clock', aheadMs });
    },
    lost: () => {
      listener = '';
      status.update({ flows: undefined, flowsHeld: undefined });
      asker.lost();
    },
  };
}
