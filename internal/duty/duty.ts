// Duty: the role of this node in its PoP, held by the half that may touch the kernel, so that a takeover needs no network
// half, no etcd and no configuration.
//
// On the path: a pair comes in with the want, facts from BIRD and the kernel; a change of role goes out as a lease that is
// begun or ended, routes and addresses that are let through the applier's gates or held back, and peers that are called.
// Never: decides (internal/takeover does), or moves anything because something is not known.

import type { Gates } from '#internal/applier/applier.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Pair, Route } from '#internal/dataplane/dataplane.ts';
import { dutyTable, epochMetric, isAccessLink } from '#internal/dataplane/ownership.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Want } from '#internal/seam/seam.ts';
import { type Alarm, coldDuty, type Duty, type Role, step, takeOver } from '#internal/takeover/takeover.ts';
import { createFactReader, type FactSources } from './facts.ts';
import { createGateways, type GatewayParts, gatewaysOf } from './gateways.ts';
import type { Memory } from './memory.ts';

export { type CallParts, createCaller } from './caller.ts';
export { createEndpoints, type Endpoint, type Endpoints } from './endpoints.ts';
export { createMemory, type Memory } from './memory.ts';
export { createTripReader } from './round-trips.ts';

/** BFD needs 300 ms; this adds half of itself in the mean. Three questions to BIRD, 0.5 ms. */
const lookEachMs = 25;

export interface DutyParts extends Omit<FactSources, 'leased' | 'reachable'> {
  readonly neighbour: GatewayParts['neighbour'];
  readonly lease: { begin(): Promise<void>; end(): Promise<void>; stands(): Promise<boolean> };
  readonly applier: () => { regate(): Promise<void>; forgetSessions(): Promise<void> };
  /** The role is this node's now: its peers are to be called, or no more. */
  readonly calls: { begin(): void; end(): void };
  /** States of customers' connections, which the sibling tells while it leads; neither of these is waited for. */
  readonly states: { lead(): void; follow(): void; stands(): boolean };
  readonly memory: Memory;
  readonly log: Log;
  readonly changed: (report: DutyReport) => void;
}

/** Of a node without a sibling: `alone`. */
export interface DutyReport {
  readonly role: Role | 'alone';
  readonly epoch: number;
  /** `flows-untold`: states of connections do not reach the sibling, or come from it. */
  readonly alarm: Alarm | 'flows-untold';
}

export interface DutyHolder {
  readonly gates: Gates;
  /** What a want says of the pair; before the applier has it. */
  take(want: Want): void;
  report(): DutyReport;
  /** An access interface's process has died: looked at at once. */
  died(): void;
  /** An order; gives why not, empty when it is done. */
  takeOver(): Promise<string>;
  run(signal: AbortSignal): Promise<void>;
}

const concerns = (route: Route): boolean =>
  route.netns === 'pop' ? isAccessLink(route.dev ?? '') : route.table === dutyTable;

export async function createDuty(parts: DutyParts): Promise<DutyHolder> {
  const { lease, applier, calls, states, memory, clock, log } = parts;
  /** Told once for each row of failures. */
  let blind = '';
  const gateways = createGateways({
    neighbour: parts.neighbour,
    failed: (cause) => {
      const reason = messageOf(cause);
      if (blind !== reason) log.warn('gateways-unread', { reason });
      blind = reason;
    },
    clock,
  });
  const reader = createFactReader({ ...parts, leased: lease.stands, reachable: gateways.reachable });
  let pair: Pair | undefined;
  let duty: Duty = coldDuty(0);
  let carried: Role | undefined;
  /** By the heartbeat link, in the look before. */
  let hears = true;
  /** What tells states of flows. */
  let stood = true;
  let nudge: (() => void) | undefined;
  /** One at a time: orders and looks never interleave. */
  let queue: Promise<unknown> = Promise.resolve();
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
  const kept = memory.read();
  // Who was killed alone goes on as what he was, if the kernel has seen this node live ever since.
  let resumes = kept.role === 'active' && (await lease.stands().catch(() => false));
  /** It carries the PoP without a sibling, and nobody else did when it began to. */
  let served = false;
  /** The pair went while the sibling led: that this node serves too since then gives it no right to lead. */
  let followed = false;

  const report = (): DutyReport =>
    pair === undefined
      ? { role: 'alone', epoch: 0, alarm: '' }
      : {
          role: duty.role,
          epoch: duty.epoch,
          alarm: duty.alarm === '' && !states.stands() ? 'flows-untold' : duty.alarm,
        };

  async function lead(): Promise<void> {
    await lease.begin();
    // Without its address on the LAN a call would leave from another.
    const floats = pair !== undefined && gatewaysOf(pair).length > 0;
    if (floats) await applier().regate();
    calls.begin();
    if (!floats) await applier().regate();
  }

  async function fence(): Promise<void> {
    await lease.end();
    calls.end();
    await applier().regate();
    // Whatever it still knows of a session would cost the client 12 s when it leads again (measured).
    await applier().forgetSessions();
  }

  /** Nothing is held back from a node without a sibling. */
  async function alone(): Promise<void> {
    if (pair !== undefined) return;
    calls.end();
    await applier().regate();
  }

  /** Carries out what the role asks for; a role that is not carried out is tried again with the next look. */
  async function carry(next: Duty): Promise<void> {
    const before = duty;
    duty = next;
    const told = before.role !== next.role || before.epoch !== next.epoch || before.alarm !== next.alarm;
    if (before.role !== next.role || before.epoch !== next.epoch) memory.keep(next);
    if (told) {
      const { role, epoch, alarm } = next;
      log.warn('duty', { role, epoch, alarm, was: before.role });
    }
    const stands = states.stands();
    if (told || stands !== stood) parts.changed(report());
    stood = stands;
    const active = next.role === 'active';
    if (active && before.role !== 'active') states.lead();
    if (!active && before.role === 'active') states.follow();
    if (carried === (active ? 'active' : 'standby')) return;
    carried = undefined;
    await (active ? lead() : fence());
    // Meanwhile a want may have brought another pair, which begins anew.
    if (duty === next) carried = active ? 'active' : 'standby';
  }

  async function look(): Promise<void> {
    const looked = pair;
    if (looked === undefined) return;
    const place = { first: looked.nodeId < looked.siblingId };
    gateways.look(looked);
    const facts = await reader.read(looked, duty.role === 'active');
    // Of a pair that is none any more.
    if (pair !== looked) return;
    // Not by an alarm that goes: of a sibling that dies one way is down first, and then both.
    const heard = facts.heartbeat === 'up';
    // What it told while the link was away may be more than it has kept for us.
    if (heard && !hears && duty.role !== 'active') states.follow();
    hears = heard;
    await carry(step(duty, facts, place));
  }

  function paired(next: Pair): void {
    const isNew = pair === undefined;
    pair = next;
    if (!isNew) return;
    // Who carried the PoP alone until now goes on; who has just come asks first.
    const active = resumes || served;
    const epoch = Math.max(kept.epoch, duty.epoch, active ? 1 : 0);
    duty = { ...coldDuty(epoch), role: active ? 'active' : 'waiting' };
    resumes = false;
    served = false;
    followed = false;
    carried = undefined;
    memory.keep(duty);
    parts.changed(report());
    nudge?.();
  }

  return {
    gates: {
      route: {
        concerns: (route) => pair !== undefined && concerns(route),
        admitted: (route) => {
          if (duty.role !== 'active') return undefined;
          return route.table === dutyTable ? { ...route, metric: epochMetric + duty.epoch } : route;
        },
      },
      floating: {
        concerns: () => pair !== undefined,
        admitted: (floating) => (duty.role === 'active' ? floating : undefined),
      },
    },
    take: (want) => {
      const before = pair;
      const gone = want.whole || want.remove.some(([kind]) => kind === 'pair');
      const next = want.put.flatMap(([kind, value]) => (kind === 'pair' ? [value] : []))[0];
      if (next !== undefined) paired(next);
      else if (gone) {
        // Of a snapshot that does not know this node there is nothing to serve.
        const serves = want.put.some(([kind, value]) => kind === 'link' && isAccessLink(value.name));
        if (pair !== undefined) followed = duty.role !== 'active';
        served = !followed && (served || pair !== undefined || serves);
        pair = undefined;
      }
      if (before === undefined || pair !== undefined) return;
      parts.changed(report());
      exclusive(alone).catch((cause: unknown) => log.error('duty-failed', { reason: messageOf(cause) }));
    },
    report,
    died: () => nudge?.(),
    takeOver: () =>
      exclusive(async () => {
        const looked = pair;
        if (looked === undefined) return 'it has no sibling';
        const facts = await reader.read(looked, duty.role === 'active');
        if (pair !== looked) return 'its sibling has just changed';
        const next = takeOver(duty, facts);
        if (next === undefined && facts.clockBehind === true)
          return "its clock is behind the network's; set it right (NTP)";
        if (next === undefined) return 'its way out, its WireGuard or its BIRD is down';
        await carry(next);
        return '';
      }),
    run: async (signal) => {
      while (!signal.aborted) {
        await exclusive(look).catch((cause: unknown) => log.error('duty-failed', { reason: messageOf(cause) }));
        const soon = new Promise<void>((resolve) => {
          nudge = resolve;
        });
        // Without a pair nothing is looked at until one comes.
        await (pair === undefined ? Promise.race([soon, aborted(signal)]) : Promise.race([soon, pause(clock, signal)]));
      }
    },
  };
}

const pause = (clock: Clock, signal: AbortSignal): Promise<void> =>
  clock.sleep(lookEachMs, signal).catch(() => undefined);

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
