// Anycast calls: clients of other nodes that are to be taken over. Who is ready at one moment goes to the privileged half by one
// message, which is one process there; what is open at a holder that lives goes ahead of the call.

import { sessionMs, type Whereabout as Held } from '#internal/anycast/anycast.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import type { Log } from '#internal/log/log.ts';

export interface AnycastCallParts {
  /** Of the client's key; undefined: it is none any more. */
  readonly tunnelOf: (client: Held) => string | undefined;
  /** Whether its session is still where it was. */
  readonly stays: (client: Held) => boolean;
  readonly flows: (nodeId: string, tunnelId: string, signal: AbortSignal) => Promise<readonly Flow[]>;
  readonly ahead: (tunnelId: string, from: string, flows: readonly Flow[]) => void;
  readonly call: (clients: readonly Held[]) => void;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info'>;
}

export interface AnycastCalls {
  /** Those that nobody calls yet, as far as there is room. @param gone nodes that cannot be asked for flows */
  take(clients: readonly Held[], gone: ReadonlySet<string>): void;
  /** The same of clients that do not come here, the last that shook hands first. @param clients the last one at the end */
  takeIdle(clients: readonly Held[], gone: ReadonlySet<string>): void;
  /** The peer has shaken hands here; gives it as it was called, if it was. */
  answered(peer: string): Held | undefined;
  /** Gives those that have not answered, and are not called any more. O(called) */
  expire(): readonly Held[];
  /**
   * Gives those that were called because their holder was gone, and it is not: their answers go to it. Not called any more, so that they are called
   * when it dies in truth. O(called) @param gone asked for when there are any
   */
  revived(gone: () => ReadonlySet<string>): readonly Held[];
  /** Many more can be called. */
  hasRoom(): boolean;
  clear(): void;
}

/** What is open at the holder is waited for so long before its client is called: a firewall that admits replies alone wants it. */
const flowsWithinMs = 500;
/** Clients whose flows have come within this time are called together. */
const gatherMs = 10;
/** One that does not answer calls is called again so late at the earliest. */
const againMs = 10_000;
/** Called and unanswered at a time. The privileged half calls 100 at once (duty/caller.ts), each for 5 s: more would only wait there. */
const mostOpen = 256;
/** Of these, such as do not come here: who does must not wait for those that are away. */
const mostIdle = 128;

interface Called {
  readonly client: Held;
  readonly tunnelId: string;
  /** Its holder was asked for flows. */
  readonly alive: boolean;
  readonly sinceMs: number;
}

export function createAnycastCalls(parts: AnycastCallParts, signal: AbortSignal): AnycastCalls {
  const { tunnelOf, stays, flows, ahead, call, clock, log } = parts;
  /** By peer. */
  const called = new Map<string, Called>();
  /** When peers were called in vain, the first first: others come before them the next time. */
  const vain = new Map<string, number>();
  const ready: Held[] = [];

  function callReady(): void {
    const clients: Held[] = [];
    for (const client of ready.splice(0)) {
      const now = called.get(client.peer);
      // It may have gone back, or shaken hands, meanwhile.
      if (now?.client !== client || !stays(client)) continue;
      log.info('client-called', { tunnel: now.tunnelId, from: client.nodeId, alive: now.alive });
      clients.push(client);
    }
    if (clients.length > 0) call(clients);
  }

  async function askAhead(client: Held, tunnelId: string): Promise<void> {
    const enough = new AbortController();
    const late = clock.sleep(flowsWithinMs, enough.signal).then(() => []);
    const asked = flows(client.nodeId, tunnelId, AbortSignal.any([signal, enough.signal]));
    const open = await Promise.race([asked, late]).catch(() => []);
    enough.abort();
    if (open.length > 0) ahead(tunnelId, client.nodeId, open);
    if (ready.push(client) > 1) return;
    await clock.sleep(gatherMs, signal);
    callReady();
  }

  function take(clients: readonly Held[], gone: ReadonlySet<string>): void {
    for (const client of clients) {
      if (called.size >= mostOpen) break;
      const tunnelId = tunnelOf(client);
      if (tunnelId === undefined || called.has(client.peer)) continue;
      const alive = !gone.has(client.nodeId);
      called.set(client.peer, { client, tunnelId, alive, sinceMs: clock.monotonicMs() });
      if (alive) askAhead(client, tunnelId).catch(() => undefined);
      else ready.push(client);
    }
    callReady();
  }

  return {
    take,
    takeIdle: (clients, gone) => {
      const room = mostIdle - called.size;
      if (room <= 0) return;
      const idle = clients.filter(({ peer }) => !called.has(peer)).reverse();
      const next = idle.filter(({ peer }) => !vain.has(peer)).slice(0, room);
      if (next.length < room) {
        const again = idle.filter(({ peer }) => vain.has(peer));
        again.sort((a, b) => (vain.get(a.peer) ?? 0) - (vain.get(b.peer) ?? 0));
        next.push(...again.slice(0, room - next.length));
      }
      take(next, gone);
    },
    answered: (peer) => {
      const client = called.get(peer)?.client;
      called.delete(peer);
      vain.delete(peer);
      return client;
    },
    expire: () => {
      const nowMs = clock.monotonicMs();
      const over = [...called.values()].filter(({ sinceMs }) => nowMs - sinceMs >= againMs);
      for (const { client } of over) {
        called.delete(client.peer);
        vain.delete(client.peer);
        vain.set(client.peer, nowMs);
      }
      for (const [peer, atMs] of vain) {
        if (nowMs - atMs < sessionMs) break;
        vain.delete(peer);
      }
      return over.map(({ client }) => client);
    },
    revived: (goneNow) => {
      const doubtful = [...called.values()].filter(({ alive }) => !alive);
      if (doubtful.length === 0) return [];
      const gone = goneNow();
      const over = doubtful.filter(({ client }) => !gone.has(client.nodeId));
      for (const { client } of over) called.delete(client.peer);
      return over.map(({ client }) => client);
    },
    hasRoom: () => called.size <= mostIdle / 2,
    clear: () => {
      called.clear();
      vain.clear();
      ready.length = 0;
    },
  };
}
