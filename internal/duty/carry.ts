// Carry: what a change of role asks for, in the order in which no packet is lost.
//
// Who comes is heard and speaks, and has the states of flows, before its sibling hands anything over to it; who yields hands over
// before it says that it does. What it takes to lose nothing is a courtesy: where it cannot be had, the role is carried out all
// the same.

import type { Clock } from '#internal/clock/clock.ts';
import type { Pair } from '#internal/dataplane/dataplane.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import { type Role, speaks } from '#internal/takeover/takeover.ts';
import { gatewaysOf } from './gateways.ts';

/** As driver/relay has them. */
export type RelayMode = 'copied' | 'handed' | 'kept';

/** The two ends of the link to the sibling, and what leads to WireGuard. */
export interface RelayPlace {
  readonly own: string;
  readonly far: string;
  readonly first: boolean;
  readonly endpoints: readonly string[];
  readonly ports: readonly number[];
}

export interface CarryParts {
  readonly lease: { begin(): Promise<void>; end(): Promise<void> };
  readonly applier: () => { regate(): Promise<void>; forgetSessions(): Promise<void> };
  /** Peers are to be called: `gather` those that live, which another node serves meanwhile; `begin` all. */
  readonly calls: { gather(): void; begin(cold: boolean): void; end(): void };
  /** States of customers' connections, which the sibling tells while it leads. */
  readonly states: { prepare(): Promise<void>; lead(): Promise<void>; follow(): Promise<void> };
  /** Hands what arrives for the endpoint to the sibling. */
  readonly relay: {
    open(place: RelayPlace, mode: RelayMode): Promise<void>;
    lead(place: RelayPlace): Promise<boolean>;
    part(): Promise<void>;
    close(): Promise<void>;
  };
  readonly clock: Clock;
  readonly log: Log;
}

export interface Carry {
  /** @param from what was carried out before; undefined: nothing is known of it @throws what is to be tried again */
  enter(to: Role, from: Role | undefined, pair: Pair): Promise<void>;
  /** This node is part of no pair any more. */
  leave(): Promise<void>;
  /** What this node announces of a move is so. */
  ready(): boolean;
  /** Ends what outlasts a move, and what needs a sibling once it is not `heard`. */
  tidy(heard: boolean): Promise<void>;
}

/** A commit of 88,000 flows took 1.15 s (measured). */
const statesMs = 1_500;
/** A sibling that has handed over carries for 3 s (takeover/move.ts) what this node cannot read. */
const relayMs = 5_000;
/** REJECT_AFTER_TIME (WireGuard paper, 6.1): who was heard by the relay's link has spoken again by then, or has no session. */
const keptMs = 180_000;

const floats = (pair: Pair): boolean => gatewaysOf(pair).length > 0;

export function createCarry(parts: CarryParts): Carry {
  const { lease, applier, calls, states, relay, clock, log } = parts;
  let ready = false;
  /** A relay was opened, or tried, and is not closed. */
  let relays = false;
  /** What tunnels send goes on by the sibling. */
  let through = false;
  /** When the relay of a node that has come is to be kept only, and with it, or of one that has gone, when it is to be closed. */
  let closes: { readonly atMs: number; readonly keeps?: Pair } | undefined;

  async function atMost(work: Promise<void>): Promise<void> {
    const enough = new AbortController();
    await Promise.race([work, clock.sleep(statesMs, enough.signal).catch(() => undefined)]);
    enough.abort();
  }

  const placeOf = ({ ownHeartbeat: own, heartbeat: far, endpoints, ports, nodeId, siblingId }: Pair): RelayPlace => ({
    ...{ own, far, endpoints, ports },
    first: nodeId < siblingId,
  });

  async function relayed(pair: Pair, mode: RelayMode): Promise<boolean> {
    try {
      relays = true;
      await relay.open(placeOf(pair), mode);
      return true;
    } catch (cause) {
      log.warn('relay-failed', { mode, reason: messageOf(cause) });
      return false;
    }
  }

  const refused = (cause: unknown): void => log.warn('relay-failed', { reason: messageOf(cause) });

  /** What nobody closes ends by itself. */
  function closed(): Promise<void> {
    through = false;
    relays = false;
    return relay.close().catch(refused);
  }

  /** Without it what begins meanwhile has no replies before they come by this node. */
  async function call(pair: Pair): Promise<void> {
    try {
      through = await relay.lead(placeOf(pair));
      if (!through) log.warn('relay-failed', { reason: 'the sibling takes nothing that tunnels send' });
    } catch (cause) {
      through = true;
      await part();
      refused(cause);
    }
    calls.gather();
  }

  async function part(): Promise<void> {
    if (!through) return;
    await relay.part();
    through = false;
  }

  async function join(pair: Pair): Promise<void> {
    await lease.begin();
    // An endpoint on a LAN is one node's: nobody can be called from it by another. Unasked, the sibling goes on until this one leads.
    if (floats(pair)) return;
    if (!(await relayed(pair, 'copied'))) return;
    await atMost(states.prepare());
    ready = true;
    await applier().regate();
  }

  async function yieldTo(pair: Pair): Promise<void> {
    if (!(await relayed(pair, 'handed'))) return;
    ready = true;
    await applier().regate();
  }

  async function lead(from: Role | undefined, pair: Pair): Promise<void> {
    const carried = from === 'yielding' || from === 'handed' || from === 'leaving';
    if (from === 'joining' || from === 'calling') closes = { atMs: clock.monotonicMs() + relayMs, keeps: pair };
    if (from === undefined || (relays && from !== 'joining' && from !== 'calling')) await closed();
    // Its clients may have sessions with the sibling, which is gone.
    if (carried) await applier().forgetSessions();
    if (from === undefined || !speaks(from)) await lease.begin();
    // Who lived on as it was has them.
    if (from === 'calling') await atMost(states.lead());
    else if (from !== undefined) void states.lead();
    // Without its address on the LAN a call would leave from another.
    if (floats(pair)) await applier().regate();
    calls.begin(from !== undefined && !speaks(from));
    if (!floats(pair)) await applier().regate();
  }

  async function fence(from: Role | undefined): Promise<void> {
    await lease.end();
    calls.end();
    if (from !== undefined && speaks(from)) void states.follow();
    await applier().regate();
    // Whatever it still knows of a session would cost the client 12 s when it leads again (measured).
    await applier().forgetSessions();
    // What tunnels send by the sibling may still come: it looks after its own end.
    if (from === 'leaving') closes = { atMs: clock.monotonicMs() + 2 * relayMs };
    else await closed();
  }

  return {
    enter: (to, from, pair) => {
      closes = undefined;
      switch (to) {
        case 'joining':
          ready = false;
          return join(pair);
        case 'calling':
          return call(pair);
        case 'yielding':
          ready = false;
          return yieldTo(pair);
        case 'active':
          return lead(from, pair);
        case 'handed':
        case 'leaving':
          return applier().regate();
        case 'waiting':
        case 'standby':
          return fence(from);
      }
    },
    leave: async () => {
      calls.end();
      await applier().regate();
      await closed();
    },
    ready: () => ready,
    tidy: async (heard) => {
      if (!heard) await part();
      if (closes === undefined || clock.monotonicMs() < closes.atMs) return;
      await part();
      const { keeps } = closes;
      closes = keeps === undefined ? undefined : { atMs: clock.monotonicMs() + keptMs };
      await (keeps === undefined ? closed() : relayed(keeps, 'kept'));
    },
  };
}
