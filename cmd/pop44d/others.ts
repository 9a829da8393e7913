// Others: what this node and those with its endpoint tell each other of their clients: the sibling in its own PoP, and nodes of
// other PoPs of its anycast group.

import { type AnycastParts, createAnycast } from './anycast.ts';
import { createPairing, type Pairing, type PairParts } from './pair.ts';

export function createOthers(parts: AnycastParts & PairParts, signal: AbortSignal): Pairing {
  const pairing = createPairing(parts, signal);
  const anycast = createAnycast(parts, signal);
  return {
    seen: pairing.seen,
    takeOver: pairing.takeOver,
    carries: pairing.carries,
    told: (from, peers) => pairing.told(from, peers) || anycast.told(from, peers),
    heard: (message) => {
      pairing.heard(message);
      anycast.heard(message);
    },
    settle: () => {
      pairing.settle();
      anycast.settle();
    },
    lost: () => {
      pairing.lost();
      anycast.lost();
    },
    beat: () => {
      pairing.beat();
      anycast.beat();
    },
  };
}
