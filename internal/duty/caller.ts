// Caller: a node that has taken over calls its peers, from the address and port that they know, because they would find out
// by themselves after 15 s, and idle ones after 131 s (measured).
//
// The last active first, few at a time. An answer may have gone to the node before: each is called again until it has
// answered, because WireGuard would not for 5 s. Who is called again takes no answer to the call before, so that a gap must
// be longer than the way there and back: a fixed one of 100 ms never ended at 110 (0 of 78, measured). It is twice that
// way where the active node has measured it, and doubles, for those of whom nothing is known.
//
// Before a move by an order those that live are called once, and fewer at a time, while the other node serves them. WireGuard repeats that
// call itself (5 s, REKEY_TIMEOUT). To forget and call again would end the session of one that answers just then, whose client has
// then none with the other node either: it keeps two (paper 6.1). Of 1,000 on a busy machine some lost packets so (measured).

import type { Clock } from '#internal/clock/clock.ts';
import type { Peer } from '#internal/dataplane/dataplane.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Endpoint } from './endpoints.ts';
import { type Called, createPace, mostOpen, type Pace } from './pace.ts';

export interface Callable {
  readonly peer: Peer;
  readonly endpoint: string;
}

export interface CallParts {
  readonly dial: (calls: readonly Callable[], again: boolean) => Promise<unknown>;
  readonly hangUp: (peers: readonly Peer[]) => Promise<unknown>;
  /** Time of the last handshake of every peer of the access interfaces (0: none). */
  readonly handshakes: () => Promise<readonly { readonly peerKey: string; readonly lastHandshakeMs: number }[]>;
  readonly known: () => readonly Endpoint[];
  /** Does something while nothing else is done to peers: `peerOf` holds until it is done. */
  readonly apart: <T>(work: () => Promise<T>) => Promise<T>;
  /** As it is wanted and stands now; undefined: it is none of ours any more, and whatever is written would bring it back. */
  readonly peerOf: (peerKey: string) => Peer | undefined;
  /**
   * Why this node must not call, empty when it may: one whose clock is ahead would poison its clients against a sibling
   * whose clock is right (WireGuard refuses an older time, paper 5.1).
   */
  readonly hindrance: () => string;
  /** Of the last that was added; default 90 s (wg(8): REKEY_ATTEMPT_TIME). */
  readonly patienceMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Called in one turn: what else is to be done comes between turns, before all the routes by which answers come. With 1,000
 * tunnels the 50 last active were back in 608 to 1,009 ms when 100 were called in one, and in 526 to 648 with these, but for a lab's
 * first death (`npm run bench -- failover --only thousand`; adr/0021 has the slower hours).
 */
const callsInTurn = 12;
/** 100 ms to 1.6 s, and once more: 4.7 s. Later WireGuard repeats by itself, each 5 s (REKEY_TIMEOUT). */
const mostTries = 6;
/** wg(8): REKEY_ATTEMPT_TIME; who has not answered by then is away. */
const longestMs = 90_000;
const lookEachMs = 20;
/** Who has shaken hands in that time may have a session: REJECT_AFTER_TIME (paper 6.1), and until it is told (endpoints.ts). */
const liveMs = 180_000 + 15_000;
/** Of calls for which there is time: handshakes of 100 at once leave those who are served meanwhile no processor for 0.1 s. */
const mostOpenCalm = 50;
/** Who has not answered by then is away or slow, and holds up nobody. */
const calmHoldMs = 3_000;
/** Nor by then, to what WireGuard has repeated after 5 s and up to a third of one: it is called as in a takeover. */
const calmMs = 8_000;
/** Part of a core that looking may take, with everything else that happens in that second. */
const costFactor = 3;
/** And in the first second, when most answer: with 10,000 peers a look takes 70 ms, and the end of a move waited for the next. */
const firstCostFactor = 1;
const firstMs = 1_000;

interface OpenCall extends Called {
  readonly peerKey: string;
  readonly endpoint: string;
  readonly live: boolean;
  /** The first call forgets too. */
  readonly forgets: boolean;
  tries: number;
  calledMs: number;
  /** Of the last. */
  triedMs: number;
  /** It was not calm: WireGuard repeats such calls itself, so that it is not known which one an answer is to. */
  paced: boolean;
}

export interface Caller {
  /** Those that live, which another node serves until all have answered. */
  gather(): void;
  /** Of a node that gathers: all that live have answered, or will not. */
  called(): boolean;
  /**
   * All that are known and have not answered yet. @param cold this node has no session with any: what came for them a moment ago may
   * have made WireGuard try in vain to shake hands, after which it would not try again for 5 s
   */
  begin(cold: boolean): void;
  /** These, beside those that are being called. */
  add(endpoints: readonly Endpoint[]): void;
  end(): void;
}

interface Round {
  readonly stop: AbortController;
  readonly calls: OpenCall[];
  calm: boolean;
  /** Whoever is added begins it anew. */
  beganMs: number;
  startedMs: number;
  /** Live ones that are waited for. */
  left: number;
  readonly pace: Pace;
}

export function createCaller(parts: CallParts): Caller {
  const { dial, hangUp, handshakes, known, apart, peerOf, hindrance, clock, log, patienceMs = longestMs } = parts;
  let round: Round | undefined;

  const callsOf = (endpoints: readonly Endpoint[], forgets: boolean): OpenCall[] => {
    const liveSinceMs = clock.wall().getTime() - liveMs;
    return endpoints.flatMap(({ peerKey, endpoint, handshakeMs, rttMs = 0 }): OpenCall[] => {
      const call = { peerKey, endpoint, rttMs, live: handshakeMs >= liveSinceMs };
      return peerOf(peerKey) === undefined
        ? []
        : [{ ...call, forgets, tries: 0, calledMs: 0, triedMs: 0, paced: false }];
    });
  };

  async function callAll(of: Round): Promise<void> {
    const { signal } = of.stop;
    // Sorted: they come first.
    const living = of.calls.filter(({ live }) => live).length;
    of.left = living;
    const all = (): number => (of.calm ? living : of.calls.length);
    const open = new Map<string, OpenCall>();
    /** What the calls of this look took; waiting for others' turns costs nobody anything. */
    let workedMs = 0;
    /** As they are at that moment: a peer may have been removed, or given other prefixes, since its call was opened. */
    const withPeers = async (
      calls: readonly OpenCall[],
      work: (callables: readonly Callable[]) => Promise<unknown>,
    ): Promise<void> => {
      if (calls.length === 0) return;
      await apart(async () => {
        if (signal.aborted) return;
        const beganWorkMs = clock.monotonicMs();
        const callables = calls.flatMap(({ peerKey, endpoint }): Callable[] => {
          const peer = peerOf(peerKey);
          if (peer === undefined) open.delete(peerKey);
          return peer === undefined ? [] : [{ peer, endpoint }];
        });
        if (callables.length > 0) await work(callables);
        workedMs += clock.monotonicMs() - beganWorkMs;
      });
    };
    const ring = async (calls: readonly OpenCall[], again: boolean): Promise<void> => {
      for (let from = 0; from < calls.length && !signal.aborted; from += callsInTurn) {
        const turn = calls.slice(from, from + callsInTurn);
        await withPeers(turn, (callables) => dial(callables, again));
        const nowMs = clock.monotonicMs();
        for (const call of turn) {
          if (call.tries === 0) {
            call.calledMs = nowMs;
            call.paced = !of.calm;
          }
          call.tries += 1;
          call.triedMs = nowMs;
        }
      }
    };
    const end = (calls: readonly OpenCall[]): Promise<void> =>
      withPeers(calls, (callables) => hangUp(callables.map(({ peer }) => peer)));
    let answered = 0;
    let lastMs = 0;
    let lookedMs = clock.monotonicMs();
    let at = 0;
    const goesOn = (): boolean => of.calm || at < all() || open.size > 0;
    while (!signal.aborted && goesOn() && clock.monotonicMs() - of.beganMs < patienceMs) {
      const [lookedBeforeMs, looksMs] = [lookedMs, clock.monotonicMs()];
      const looked = open.size === 0 ? [] : await handshakes();
      lookedMs = looksMs;
      workedMs = clock.monotonicMs() - looksMs;
      const shaken = looked.flatMap(({ peerKey, lastHandshakeMs }) => {
        const call = lastHandshakeMs > 0 ? open.get(peerKey) : undefined;
        return call === undefined ? [] : [call];
      });
      if (signal.aborted) break;
      if (shaken.length > 0) {
        lastMs = clock.monotonicMs() - of.beganMs;
        answered += shaken.length;
        for (const call of shaken) {
          if (call.paced) of.pace.answered(call, lookedBeforeMs);
          open.delete(call.peerKey);
        }
        await end(shaken);
      }
      const nowMs = clock.monotonicMs();
      const stillOpen = [...open.values()].filter(({ live, calledMs }) => live && nowMs - calledMs < calmMs).length;
      of.left = living - Math.min(at, living) + stillOpen;
      const isDue = (call: OpenCall): boolean =>
        call.tries < mostTries && nowMs - call.triedMs >= of.pace.gapAfter(call);
      const due = of.calm ? [] : [...open.values()].filter(isDue).slice(0, mostOpen);
      for (const call of due) of.pace.silent(call);
      await ring(due, true);
      // Who has not answered thrice, or for long, is away or far, and holds up nobody.
      const isPending = ({ tries, calledMs }: OpenCall): boolean =>
        of.calm ? nowMs - calledMs < calmHoldMs : tries < 3;
      const pending = [...open.values()].filter(isPending).length;
      const most = of.calm ? mostOpenCalm : of.pace.window();
      const fresh = of.calls.slice(at, Math.min(all(), at + Math.max(0, most - pending)));
      at += fresh.length;
      for (const call of fresh) open.set(call.peerKey, call);
      await ring(
        fresh.filter(({ forgets }) => forgets),
        true,
      );
      await ring(
        fresh.filter(({ forgets }) => !forgets),
        false,
      );
      const factor = clock.monotonicMs() - of.startedMs < firstMs ? firstCostFactor : costFactor;
      await clock.sleep(Math.max(lookEachMs, Math.min(factor * workedMs, 250)), signal).catch(() => undefined);
    }
    // Whoever is added from here on begins anew.
    if (round === of) round = undefined;
    await end([...open.values()]);
    log.info('called', { peers: of.calls.length, live: living, answered, lastMs: Math.round(lastMs) });
  }

  function start(calm: boolean, calls: readonly OpenCall[]): void {
    round?.stop.abort();
    const next: Round = {
      stop: new AbortController(),
      calls: [...calls],
      calm,
      beganMs: clock.monotonicMs(),
      startedMs: clock.monotonicMs(),
      left: Number.POSITIVE_INFINITY,
      pace: createPace(),
    };
    round = next;
    callAll(next)
      .catch((cause: unknown) => log.error('calls-failed', { reason: messageOf(cause) }))
      .finally(() => {
        if (round === next) round = undefined;
      });
  }

  const hindered = (): boolean => {
    const why = hindrance();
    if (why !== '') log.warn('calls-nobody', { reason: why });
    return why !== '';
  };
  const startAll = (calm: boolean, cold: boolean): void => {
    end();
    if (!hindered()) start(calm, callsOf(known(), cold));
  };
  const end = (): void => {
    round?.stop.abort();
    round = undefined;
  };

  return {
    gather: () => startAll(true, false),
    called: () => round?.calm === true && round.left === 0,
    begin: (cold) => {
      if (round?.calm !== true) return startAll(false, cold);
      log.info('gathered', { left: round.left, ms: Math.round(clock.monotonicMs() - round.beganMs) });
      round.calm = false;
      round.startedMs = clock.monotonicMs();
      round.beganMs = clock.monotonicMs();
    },
    add: (endpoints) => {
      if (hindered()) return;
      const calls = callsOf(endpoints, false);
      if (calls.length === 0) return;
      if (round === undefined) return start(false, calls);
      round.calls.push(...calls);
      if (!round.calm) round.beganMs = clock.monotonicMs();
    },
    end,
  };
}
