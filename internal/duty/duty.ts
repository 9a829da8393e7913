// Duty: the role of this node in its PoP, held by the half that may touch the kernel, so that a takeover needs no network
// half, no etcd and no configuration.
//
// On the path: a pair comes in with the want, facts from BIRD and the kernel; a change of role goes out as a lease that is
// begun or ended, routes and addresses that are let through the applier's gates or held back, and peers that are called.
// Never: decides (internal/takeover does), or moves anything because something is not known.

import type { Gates } from '#internal/applier/applier.ts';
import type { Clock } from '#internal/clock/clock.ts';
import type { Pair, Route } from '#internal/dataplane/dataplane.ts';
import {
  dutyMarkers,
  dutyTable,
  epochMetric,
  isAccessLink,
  loweredMetric,
  moveMarkers,
  moveMetric,
} from '#internal/dataplane/ownership.ts';
import { messageOf } from '#internal/errors/errors.ts';
import type { Log } from '#internal/log/log.ts';
import type { Want } from '#internal/seam/seam.ts';
import {
  type Alarm,
  coldDuty,
  type Duty,
  leads,
  type Role,
  speaks,
  step,
  takeOver,
} from '#internal/takeover/takeover.ts';
import { type CarryParts, createCarry } from './carry.ts';
import { createFactReader, type FactSources } from './facts.ts';
import { createGateways, type GatewayParts } from './gateways.ts';
import type { Memory } from './memory.ts';

export { type CallParts, createCaller } from './caller.ts';
export type { RelayMode, RelayPlace } from './carry.ts';
export { createEndpoints, type Endpoint, type Endpoints } from './endpoints.ts';
export { createMemory, type Memory } from './memory.ts';
export { createTripReader } from './round-trips.ts';

/** BFD needs 300 ms; this adds half of itself in the mean. Three questions to BIRD, 0.5 ms. */
const lookEachMs = 25;

export interface DutyParts extends Omit<FactSources, 'leased' | 'reachable'>, CarryParts {
  readonly neighbour: GatewayParts['neighbour'];
  readonly lease: CarryParts['lease'] & { stands(): Promise<boolean> };
  readonly calls: CarryParts['calls'] & {
    /** All that live have answered, or will not. */
    called(): boolean;
    /** Why this node must not call anybody, empty when it may. */
    hindrance(): string;
  };
  readonly states: CarryParts['states'] & { stands(): boolean };
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

/** On which address of whose: a role is told by what is announced. */
const isMarker = ({ prefix }: Route, markers: typeof dutyMarkers | typeof moveMarkers): boolean =>
  prefix === markers[4] || prefix === markers[6];

const concerns = (route: Route): boolean =>
  route.netns === 'pop' ? isAccessLink(route.dev ?? '') : route.table === dutyTable;

export async function createDuty(parts: DutyParts): Promise<DutyHolder> {
  const { lease, calls, states, memory, clock, log } = parts;
  const carrying = createCarry(parts);
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
  /** Whose work is done; undefined: of nothing that is known. */
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

  /** Nothing is held back from a node without a sibling. */
  async function alone(): Promise<void> {
    if (pair === undefined) await carrying.leave();
  }

  /** As it stands in a node's role; undefined: it does not. */
  function admitted(route: Route): Route | undefined {
    const { role, epoch, move } = duty;
    if (route.table !== dutyTable) {
      // Not before neighbours have heard of the sibling's: until then they would send to each other.
      if (leads(role) || role === 'handed') return route;
      // A tunnel's own loses against the later move.
      const moved = (route.metric ?? 0) > moveMetric;
      return role === 'leaving' ? { ...route, ...(!moved && { metric: loweredMetric }) } : undefined;
    }
    if (isMarker(route, moveMarkers)) {
      if (role === 'active') return { ...route, metric: epochMetric + epoch };
      const announced = ['joining', 'calling', 'yielding'].includes(role) && carrying.ready();
      return announced && move !== undefined ? { ...route, metric: epochMetric + move.toEpoch } : undefined;
    }
    if (leads(role)) return { ...route, metric: epochMetric + epoch };
    return role === 'handed' && !isMarker(route, dutyMarkers) ? { ...route, metric: loweredMetric } : undefined;
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
    // Of one that is fenced there is nothing more to do.
    if (carried === next.role || (carried !== undefined && !speaks(carried) && !speaks(next.role))) return;
    if (pair === undefined) return;
    await carrying.enter(next.role, carried, pair);
    // Meanwhile a want may have brought another pair, which begins anew.
    if (duty === next) carried = next.role;
  }

  async function look(): Promise<void> {
    const looked = pair;
    if (looked === undefined) return;
    const place = { first: looked.nodeId < looked.siblingId };
    gateways.look(looked);
    const facts = { ...(await reader.read(looked, duty.role)), called: calls.called() };
    // Of a pair that is none any more.
    if (pair !== looked) return;
    // Not by an alarm that goes: of a sibling that dies one way is down first, and then both.
    const heard = facts.heartbeat === 'up';
    // What it told while the link was away may be more than it has kept for us.
    if (heard && !hears && !speaks(duty.role)) void states.follow();
    hears = heard;
    await carrying.tidy(heard);
    await carry(step(duty, facts, place));
  }

  /** Gives why it cannot be followed. */
  async function order(): Promise<string> {
    const looked = pair;
    if (looked === undefined) return 'it has no sibling';
    const facts = await reader.read(looked, duty.role);
    if (pair !== looked) return 'its sibling has just changed';
    const hindrance = leads(duty.role) ? '' : calls.hindrance();
    if (hindrance !== '') return `${hindrance}; set it right (NTP)`;
    const next = takeOver(duty, facts);
    if (next === undefined && facts.clockBehind === true)
      return "its clock is behind the network's; set it right (NTP)";
    if (next === undefined) return 'its way out, its WireGuard or its BIRD is down';
    await carry(next);
    return '';
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
        admitted,
        // Its sibling's handshakes take routes of tunnels away, and what is for them still comes.
        holds: () => pair !== undefined && (duty.role === 'handed' || duty.role === 'leaving'),
      },
      floating: {
        concerns: () => pair !== undefined,
        admitted: (floating) => (leads(duty.role) ? floating : undefined),
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
        if (pair !== undefined) followed = !leads(duty.role);
        served = !followed && (served || pair !== undefined || serves);
        pair = undefined;
      }
      if (before === undefined || pair !== undefined) return;
      parts.changed(report());
      exclusive(alone).catch((cause: unknown) => log.error('duty-failed', { reason: messageOf(cause) }));
    },
    report,
    died: () => nudge?.(),
    takeOver: async () => {
      // Who has just handed over stands by soon.
      while (pair !== undefined && !leads(duty.role) && speaks(duty.role)) await clock.sleep(lookEachMs);
      const problem = await exclusive(order);
      while (problem === '' && pair !== undefined && speaks(duty.role) && !leads(duty.role))
        await clock.sleep(lookEachMs);
      if (problem !== '' || leads(duty.role)) return problem;
      return `it could not${duty.alarm === '' ? ': its sibling goes on' : ` (${duty.alarm})`}`;
    },
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
