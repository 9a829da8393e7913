// Wires the privileged half's part of an anycast group: who holds which client goes to the kernel's map, who is relayed to the
// network half, and clients that are to be taken over are called.

import type { Applier } from '#internal/applier/applier.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { AnycastDriver } from '#internal/driver/anycast/anycast.ts';
import type { WgDriver } from '#internal/driver/wg/wg.ts';
import { createCaller, type Endpoint } from '#internal/duty/duty.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { endpointAddress } from '#internal/netip/netip.ts';
import type { FromDataplane, FromNetwork, Whereabouts } from '#internal/seam/seam.ts';

export interface SecondChanceParts {
  readonly driver: AnycastDriver;
  readonly wg: Pick<WgDriver, 'dial' | 'hangUp'>;
  readonly applier: () => Applier;
  /** Of both access interfaces. */
  readonly telemetry: () => Promise<readonly { readonly peer: string; readonly lastHandshakeMs: number }[]>;
  /** Why this node must not call; empty: it may. */
  readonly hindrance: () => string;
  /** Somebody who was called has shaken hands, or will not. */
  readonly answered: () => void;
  readonly send: (message: FromDataplane) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export type SecondChanceOrder = Extract<FromNetwork, { readonly type: 'elsewhere' | 'take-clients' | 'leave-clients' }>;

export interface SecondChance {
  order(message: SecondChanceOrder): void;
  /** Somebody is being called: his handshake is waited for. */
  calls(): boolean;
  /** Tells who is relayed until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** How soon a client that comes here from a node that has died is known; a look is one file. */
const lookEachMs = 50;
/** What the network half decides by is seconds. A process, and a listing of what is relayed. */
const tellEachMs = 1_000;
/** Who has not answered by then is relayed as before, and is called again when he still comes here. */
const patienceMs = 6_000;

const keyOf = ([publicKey, , , link]: Whereabouts['peers'][number]): string => `${link} ${publicKey}`;

export function createSecondChance(parts: SecondChanceParts): SecondChance {
  const { driver, wg, applier, telemetry, hindrance, answered, send, clock, log } = parts;
  const failed = (what: string) => (cause: unknown) => log.error(what, { reason: messageOf(cause) });
  /** By peer, while it is called. */
  const called = new Map<string, string>();
  const caller = createCaller({
    // What a peer knows of an older session here would be taken for an answer.
    dial: (calls) => wg.dial(calls, true),
    hangUp: (peers) => {
      answered();
      return wg.hangUp(peers);
    },
    handshakes: async () =>
      (await telemetry()).map(({ peer, lastHandshakeMs }) => ({ peerKey: peer, lastHandshakeMs })),
    known: () => [],
    peerOf: (key) => applier().standingPeer(key),
    apart: (work) => applier().apart(work),
    ...{ hindrance, patienceMs, clock, log },
  });

  async function take(peers: Whereabouts['peers']): Promise<void> {
    const clients = peers.filter(([, endpoint]) => endpointAddress(endpoint) !== undefined);
    for (const client of clients) called.set(keyOf(client), client[1]);
    await driver.called(
      clients.map(([, endpoint]) => endpoint),
      true,
    );
    caller.add(
      clients.map((client): Endpoint => {
        const [, endpoint, handshakeMs, , rttMs = 0] = client;
        return { peerKey: keyOf(client), endpoint, handshakeMs, rttMs };
      }),
    );
  }

  async function leave(peers: Whereabouts['peers']): Promise<void> {
    const endpoints = peers.flatMap((client) => called.get(keyOf(client)) ?? []);
    for (const client of peers) called.delete(keyOf(client));
    // Of those who have shaken hands just now nothing else tells.
    answered();
    await driver.called(endpoints, false);
  }

  return {
    calls: () => called.size > 0,
    order: (message) => {
      if (message.type === 'take-clients') take(message.peers).catch(failed('clients-not-taken'));
      else if (message.type === 'leave-clients') leave(message.peers).catch(failed('clients-not-left'));
      else
        driver
          .hold(
            message.clients.map(([endpoint, number, seconds]) => ({
              ...{ endpoint, seconds },
              ...(number >= 0 && { number }),
            })),
            message.whole,
          )
          .catch(failed('clients-not-held'));
    },
    run: async (signal) => {
      let toldMs = Number.NEGATIVE_INFINITY;
      while (!signal.aborted) {
        await clock.sleep(driver.stands() ? lookEachMs : tellEachMs, signal).catch(() => undefined);
        if (signal.aborted || clock.monotonicMs() - toldMs < tellEachMs) continue;
        try {
          const relayed = await driver.relayed();
          // What the link sends for itself is none: who comes next must not wait for it.
          if (relayed === undefined || relayed.length === 0) continue;
          toldMs = clock.monotonicMs();
          send({ type: 'relayed', clients: relayed.map(({ endpoint, agoMs }) => [endpoint, agoMs]) });
        } catch (cause) {
          toldMs = clock.monotonicMs();
          failed('relayed-unread')(cause);
        }
      }
    },
  };
}
