// Calls: peers that this end calls by itself, without a packet for them, because they do not know that they should call.
//
// A keepalive that comes to be 0 no longer sends one at once, and without a session that is an initiation. What a call
// leaves on the device (endpoint, keepalive) is no drift: the observation tells what was wanted before.

import { key, type Peer } from '#internal/dataplane/dataplane.ts';
import type { Step } from '#internal/plan/step.ts';

/** A peer, and where it was last known to be. */
export interface Call {
  readonly peer: Peer;
  readonly endpoint: string;
}

/** wg(8): what a client behind a NAT has; any number calls. */
const callingSeconds = 25;

export interface Calls {
  /**
   * Steps that call; `again`: those that were called before, without an answer. They are removed and added, because
   * WireGuard repeats an initiation after 5 s at the earliest (REKEY_TIMEOUT), whoever asks.
   */
  dial(calls: readonly Call[], again: boolean): readonly Step[];
  /** Steps that end calls, answered or not. */
  hangUp(peers: readonly Peer[]): readonly Step[];
  /** The applier has brought these to what is wanted, whatever a call left there. */
  settled(steps: readonly Step[]): void;
  /** As it would be found without a call. */
  uncalled(found: Map<string, Peer>): void;
}

export function createCalls(): Calls {
  /** Keepalives that are wanted of peers that are called. */
  const calling = new Map<string, number>();
  return {
    dial: (calls, again) =>
      calls.flatMap(({ peer, endpoint }): readonly Step[] => {
        const name = key('peer', peer);
        calling.set(name, peer.keepaliveSeconds);
        const want = { ...peer, endpoint, keepaliveSeconds: callingSeconds };
        const here = { ...peer, endpoint: '(none)' };
        return again
          ? [
              { op: 'remove', kind: 'peer', key: name, found: peer },
              { op: 'add', kind: 'peer', key: name, want },
            ]
          : [{ op: 'change', kind: 'peer', key: name, want, found: here }];
      }),
    hangUp: (peers) =>
      peers.map((peer) => {
        const name = key('peer', peer);
        calling.delete(name);
        // Its endpoint stays as it is: it has told by itself, or will not.
        const found = { ...peer, keepaliveSeconds: callingSeconds };
        return { op: 'change', kind: 'peer', key: name, want: peer, found };
      }),
    settled: (steps) => {
      for (const step of steps) if (step.kind === 'peer') calling.delete(step.key);
    },
    uncalled: (found) => {
      for (const [name, keepaliveSeconds] of calling) {
        const peer = found.get(name);
        if (peer === undefined) calling.delete(name);
        else found.set(name, { ...peer, keepaliveSeconds });
      }
    },
  };
}
