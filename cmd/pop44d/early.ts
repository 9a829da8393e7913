// Early: handshakes of a node that its PoP is about to move to are no news yet: whoever hears that its tunnels are there lets go of
// them, and the other node carries them still.

import type { Sighting } from '#internal/presence/presence.ts';
import { leads, type Role } from '#internal/takeover/takeover.ts';

export interface Early {
  /** The role of the node in its PoP is this from now on. */
  role(role: Role | 'alone'): void;
  /** Gives those that are news now, with those that were not before. */
  due(sightings: readonly Sighting[]): readonly Sighting[];
}

export function createEarly(): Early {
  let waits = false;
  let kept: readonly Sighting[] = [];
  return {
    role: (role) => {
      waits = role === 'joining' || role === 'calling';
      // It leads after all, or the clients are called back by the other node.
      if (!waits && (role === 'alone' || !leads(role))) kept = [];
    },
    due: (sightings) => {
      const all = [...kept, ...sightings];
      kept = waits ? all : [];
      return waits ? [] : all;
    },
  };
}
