// Takeover: which of a PoP's two nodes carries its endpoint, as one machine that both run alike.
//
// On the path: facts of this node with their times come in; out goes the role that it has from now on. Whoever holds the
// state carries out what a change of role asks for (internal/duty).
// Never: reads a clock, takes the endpoint from a sibling that is seen, or gives it back by itself: failback is an order.

import { asked, confirmMs, stepMove } from './move.ts';
import { type Alarm, type Duty, type Facts, lasts, leads, type Place, since, speaks, type Times } from './roles.ts';

export type { Alarm, Duty, Facts, Path, Place, Role } from './roles.ts';
export { leads, speaks, toldRole } from './roles.ts';

/** Cold start: what the sibling does is known by then, its sessions take 1 to 2 s (DESIGN, section 7). */
export const coldStartMs = 3_000;
/** The other one leads when the first, though reached, does not. */
const secondStartMs = 2 * coldStartMs;
/** And last, whichever it is, one whose clock is behind: it leads where nobody else does. */
const lastStartMs = 3 * coldStartMs;
/** A session that has just come up may not have told everything yet: BIRD sends its table within milliseconds. */
export const settledMs = 1_000;
/** BIRD answers in 0.3 ms; a busy machine may hold it off its processor for a while. */
const blindMs = 400;
/** Between two looks of a node that was stopped, not of one that is busy (0.36 s with 14 runnable on 2 cores, measured). */
const stoppedMs = 1_000;

/**
 * Who stood still for long enough to be fenced has a sibling that leads by now; on a busy machine it takes their sessions more
 * than a cold start to say so.
 */
export const thawedMs = 10_000;

export const coldDuty = (epoch: number): Duty => ({ role: 'waiting', epoch, alarm: '' });

/**
 * A node that stood still finds all its sessions down when it runs on, as if everybody else had died: what it hears then of
 * its sibling counts when the others have had time to come back.
 */
const isolated = (duty: Duty, { nowMs, heartbeat, underlay, upstream }: Facts): boolean =>
  (heartbeat !== 'up' && underlay !== 'up' && !upstream) || nowMs - (duty.lookedMs ?? nowMs) > stoppedMs;

/** BIRD is silent: of the sibling nothing is known, and what was known does not count. */
const isBlind = ({ heartbeat, underlay }: Facts): boolean => heartbeat === 'unknown' && underlay === 'unknown';

function timesOf(duty: Duty, facts: Facts): Times {
  const { nowMs, heartbeat, underlay } = facts;
  const blindSinceMs = since(isBlind(facts), duty.blindSinceMs, nowMs);
  // A BIRD that was away for two looks may be a new one, whose sessions are all down: as for a node that stood still.
  const alone = isolated(duty, facts) || lasts(blindSinceMs, nowMs, confirmMs);
  const isolatedMs = alone ? nowMs : duty.isolatedMs;
  const downSinceMs = since(heartbeat === 'down' && underlay === 'down', duty.downSinceMs, nowMs);
  const reachedSinceMs = since(facts.reached && !isBlind(facts), duty.reachedSinceMs, nowMs);
  const forsaken = duty.role === 'yielding' && facts.siblingMove === undefined && !isBlind(facts);
  const forsakenSinceMs = since(forsaken, duty.forsakenSinceMs, nowMs);
  return {
    ...(downSinceMs !== undefined && { downSinceMs }),
    ...(reachedSinceMs !== undefined && { reachedSinceMs }),
    ...(blindSinceMs !== undefined && { blindSinceMs }),
    ...(forsakenSinceMs !== undefined && { forsakenSinceMs }),
    ...(isolatedMs !== undefined && { isolatedMs }),
    lookedMs: nowMs,
  };
}

/** One of two ways to the sibling is gone, or the clock is wrong: nothing moves, and somebody should look. */
function pathAlarm({ heartbeat, underlay, clockBehind }: Facts): Alarm {
  if (heartbeat !== 'up' && underlay === 'up') return 'heartbeat-down';
  if (heartbeat === 'up' && underlay !== 'up') return 'underlay-down';
  return clockBehind === true ? 'clock-behind' : '';
}

/** What makes a node that speaks stop at once; undefined: nothing. */
function whyNotSpeak({ role }: Duty, times: Times, facts: Facts): Alarm | undefined {
  // The kernel has fenced it already: it was silent for longer than its sibling waits.
  if (facts.leased === false) return 'stood-still';
  if (!facts.alive) return 'process-died';
  if (lasts(times.blindSinceMs, facts.nowMs, blindMs)) return 'bird-silent';
  // Who has handed over needs none any more.
  return facts.upstream || role === 'handed' || role === 'leaving' ? undefined : 'cut-off';
}

/** The sibling has a better right: a higher epoch, or the same and the lower id. */
const outranked = (epoch: number, { siblingEpoch }: Facts, { first }: Place): boolean =>
  siblingEpoch !== undefined && (siblingEpoch > epoch || (siblingEpoch === epoch && !first));

/** How long a node that does not know who leads waits, though it reaches the other one. */
function startMs({ clockBehind }: Facts, { first }: Place): number {
  if (clockBehind === true) return lastStartMs;
  return first ? coldStartMs : secondStartMs;
}

function mayLead({ role, alarm }: Duty, times: Times, facts: Facts, place: Place): boolean {
  const { nowMs, siblingEpoch } = facts;
  if (siblingEpoch !== undefined || times.blindSinceMs !== undefined) return false;
  // It was there, and by both ways is not any more; or it says itself that it has stepped down.
  if (role !== 'waiting') {
    const recent = times.isolatedMs !== undefined && nowMs - times.isolatedMs < coldStartMs;
    return (!recent && lasts(times.downSinceMs, nowMs, confirmMs)) || lasts(times.reachedSinceMs, nowMs, settledMs);
  }
  return (
    lasts(times.downSinceMs, nowMs, alarm === 'stood-still' ? thawedMs : coldStartMs) ||
    lasts(times.reachedSinceMs, nowMs, startMs(facts, place))
  );
}

/** The role from now on. Asked many times a second, and at once after anything that changes a fact. */
export function step(duty: Duty, facts: Facts, place: Place): Duty {
  const times = timesOf(duty, facts);
  const epoch = Math.max(duty.epoch, facts.siblingEpoch ?? 0);
  const alarm = pathAlarm(facts);
  if (speaks(duty.role)) {
    const why = whyNotSpeak(duty, times, facts);
    if (why !== undefined) return { role: 'waiting', epoch, alarm: why, ...times };
    if (duty.role !== 'active')
      return stepMove({ duty, facts, times, alarm, vacant: mayLead(duty, times, facts, place) });
    if (outranked(duty.epoch, facts, place)) return { role: 'standby', epoch, alarm, ...times };
    return asked({ duty, facts, times, alarm }) ?? { role: 'active', epoch: duty.epoch, alarm, ...times };
  }
  const able = facts.upstream && facts.alive;
  if (able && mayLead(duty, times, facts, place)) return { role: 'active', epoch: epoch + 1, alarm, ...times };
  const joined = duty.role === 'standby' || facts.siblingEpoch !== undefined;
  // What it stopped for is told until it has a place again.
  return joined ? { role: 'standby', epoch, alarm, ...times } : { ...times, role: 'waiting', epoch, alarm: duty.alarm };
}

/**
 * An order to take over; undefined: it cannot be followed. A sibling that leads, and is well, is asked to yield, so that nothing is
 * lost; any other one sees the higher epoch and stops. A clock that is behind waits for the sibling's death: an order can wait
 * until it is right.
 */
export function takeOver(duty: Duty, facts: Facts): Duty | undefined {
  if (leads(duty.role) || duty.move !== undefined) return duty;
  const { nowMs, heartbeat, siblingEpoch } = facts;
  if (!facts.upstream || !facts.alive || heartbeat === 'unknown' || facts.clockBehind === true) return undefined;
  const epoch = Math.max(duty.epoch, siblingEpoch ?? 0);
  const as = { alarm: pathAlarm(facts), ...timesOf(duty, facts) };
  if (duty.role === 'standby' && siblingEpoch !== undefined && heartbeat === 'up')
    return { ...as, role: 'joining', epoch, move: { toEpoch: epoch + 1, sinceMs: nowMs } };
  return { ...as, role: 'active', epoch: epoch + 1 };
}
