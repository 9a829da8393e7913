// Whereabouts: what the active node of a PoP tells its sibling of its peers, so that it can call them when it takes over.
// To the sibling alone: where people are is nobody else's business.

import type { ChannelCredentials } from '@grpc/grpc-js';
import type { Clock } from '#internal/clock/clock.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { connect, serverNameOf } from '#internal/rpc/rpc.ts';

/** Public key in base64, endpoint, Unix time of the handshake in milliseconds, access interface, round trip in ms (0: not known). */
export type Whereabout = readonly [
  publicKey: string,
  endpoint: string,
  handshakeMs: number,
  link: string,
  rttMs?: number,
];

/** While a PoP's key is rotated a key is a peer of two interfaces. */
const peerOf = ([publicKey, , , link]: Whereabout): string => `${link} ${publicKey}`;

export interface Listener {
  readonly nodeId: string;
  /** `[fd44:44::4]:4440` */
  readonly target: string;
}

export interface SiblingTeller {
  /** Who is to hear; undefined: nobody. */
  listener(next: Listener | undefined): void;
  tell(peers: readonly Whereabout[]): void;
  /** The own role ended: what is known here is nobody's news any more. */
  forget(): void;
}

export interface SiblingParts {
  readonly credentials: () => ChannelCredentials;
  /** Keys that are tunnels': others are forgotten. */
  readonly stands: (publicKey: string) => boolean;
  readonly clock: Clock;
  /** Of the daemon. */
  readonly signal: AbortSignal;
}

/** News of a moment go together; a handshake is looked for each 500 ms (applier/handshakes.ts). */
const gatherMs = 50;
/** A sibling that was started anew is found by this, when nothing else is to be told. */
const askEachMs = 5_000;
const retryMs = 1_000;
const patienceMs = 3_000;
/** 80 bytes each: well below the limit of a message. */
const mostAtOnce = 5_000;

export function createSiblingTeller({ credentials, stands, clock, signal }: SiblingParts): SiblingTeller {
  const all = new Map<string, Whereabout>();
  let news = new Map<string, Whereabout>();
  let current: AbortController | undefined;
  let wake: (() => void) | undefined;

  const everything = (): Map<string, Whereabout> => {
    for (const [peer, [publicKey]] of all) if (!stands(publicKey)) all.delete(peer);
    return new Map(all);
  };

  async function telling({ nodeId, target }: Listener, stop: AbortSignal): Promise<void> {
    let heardBy = '';
    const once = async (peers: readonly Whereabout[]): Promise<string> => {
      const options = { serverName: serverNameOf(nodeId), deadlineMs: patienceMs };
      // With the credentials of the moment: a connection of the same ones is shared, and lives while a call does.
      const connection = connect(MeshService, target, credentials(), options);
      try {
        const request = peers.map(([publicKey, endpoint, handshakeMs, link, rttMs = 0]) => ({
          publicKey: Buffer.from(publicKey, 'base64'),
          endpoint,
          handshakeMs: BigInt(handshakeMs),
          link,
          rttMs,
        }));
        return (await connection.call.tellWhereabouts({ peers: request }, { signal: stop })).listener;
      } finally {
        connection.close();
      }
    };
    while (!stop.aborted) {
      const batch = [...news.values()].slice(0, mostAtOnce);
      const answered = await once(batch).catch(() => '');
      if (stop.aborted) return;
      if (answered === '') {
        await clock.sleep(retryMs, stop).catch(() => undefined);
        continue;
      }
      // Whoever is new has heard nothing of what was told before.
      if (answered !== heardBy) news = everything();
      else for (const entry of batch) if (news.get(peerOf(entry)) === entry) news.delete(peerOf(entry));
      heardBy = answered;
      if (news.size === 0) {
        const soon = new Promise<void>((resolve) => {
          wake = resolve;
        });
        await Promise.race([soon, clock.sleep(askEachMs, stop).catch(() => undefined)]);
      }
      await clock.sleep(gatherMs, stop).catch(() => undefined);
    }
  }

  let told = '';
  return {
    listener: (next) => {
      const name = next === undefined ? '' : `${next.nodeId} ${next.target}`;
      if (name === told) return;
      told = name;
      current?.abort();
      current = undefined;
      if (next === undefined) return;
      const stop = new AbortController();
      current = stop;
      void telling(next, AbortSignal.any([stop.signal, signal]));
    },
    tell: (peers) => {
      for (const entry of peers) {
        all.set(peerOf(entry), entry);
        news.set(peerOf(entry), entry);
      }
      wake?.();
    },
    forget: () => {
      all.clear();
      news.clear();
    },
  };
}
