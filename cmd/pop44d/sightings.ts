// Wires handshakes on the own access interfaces to all who follow from them what a tunnel does.

import type { Clock } from '#internal/clock/clock.ts';
import type { createPromoter } from '#internal/leader/leader.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Live } from '#internal/presence/presence.ts';
import type { FromDataplane, Whereabouts } from '#internal/seam/seam.ts';
import { createEarly } from './early.ts';
import { sightings } from './owners.ts';
import type { Roaming } from './roaming.ts';

export interface SightingParts {
  readonly snapshot: () => Snapshot;
  readonly promoter: Pick<ReturnType<typeof createPromoter>, 'shook'>;
  readonly live: Pick<Live, 'expect' | 'shook' | 'settle'>;
  readonly presence: Pick<Roaming, 'seen'>;
  readonly clock: Clock;
}

export interface Sightings {
  /** From the privileged half. */
  heard(message: FromDataplane): void;
  /** From the sibling: its clients. Told with the next beat. */
  expected(peers: Whereabouts['peers']): void;
}

export function createSightings({ snapshot, promoter, live, presence, clock }: SightingParts): Sightings {
  const early = createEarly();
  return {
    expected: (peers) => {
      const nowMs = clock.wall().getTime();
      const told = peers.map(([publicKey, , handshakeMs, link]) => [publicKey, handshakeMs, link] as const);
      live.expect(sightings(snapshot(), told, nowMs), nowMs);
    },
    heard: (message) => {
      if (message.type === 'duty') early.role(message.role);
      else if (message.type === 'handshakes') promoter.shook(message.peers.map(([publicKey]) => publicKey));
      else return;
      const nowMs = clock.wall().getTime();
      const seen = early.due(sightings(snapshot(), message.type === 'handshakes' ? message.peers : [], nowMs));
      // Before presence, so that a tunnel that comes and its class are one step.
      live.shook(seen, nowMs);
      presence.seen(seen);
      live.settle(nowMs);
    },
  };
}
