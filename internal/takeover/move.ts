// Move: the roles of two nodes while their PoP goes from one to the other by an order, so that no packet is lost.
//
//   B: joining -> calling -----------> active          A: active -> yielding ---------> handed -> leaving -> standby
//
// Each says how far it is by what it announces to the other, and nothing else. What does not go on ends as without an order:
// one who leads goes on leading, with a higher epoch than was ordered; one who is alone takes over.

import { type Alarm, type Duty, type Facts, lasts, type Role, type Times } from './roles.ts';

/** The sibling makes a relay and says so: 0.1 s, and this node's own part before, which may wait 1.5 s for states of flows. */
export const answerMs = 3_000;
/**
 * 1,000 clients take 1 to 2 s, and 20 where nodes and clients share two processors that are busy (measured). Until then nobody is
 * let down: a client sends to the one and hears the other, or a keepalive of either within 10 s (KEEPALIVE_TIMEOUT, WireGuard paper
 * 6.5), so that neither begins anew. A session with the active node is 120 s old at most when a move begins
 * (REKEY_AFTER_TIME), and good for 180 (REJECT_AFTER_TIME, 6.1).
 */
export const callMs = 40_000;
/** Longer than the other node's part; who yields for longer has a sibling that nobody looks after. */
export const yieldMs = 50_000;
/** Neighbours have heard the sibling by then. */
export const loweredMs = 1_500;
/** What was on its way has come (DESIGN, section 7). */
export const lingerMs = 3_000;
/** Two looks: of one that falls between a route and the next, nothing follows. */
export const confirmMs = 10;

export interface Moving {
  readonly duty: Duty;
  readonly facts: Facts;
  readonly times: Times;
  readonly alarm: Alarm;
  /** The sibling is gone, or has stepped down: who stands by would take over. */
  readonly vacant: boolean;
}

const stays = ({ duty, times, alarm }: Moving): Duty => ({
  ...times,
  ...{ role: duty.role, epoch: duty.epoch, alarm },
  ...(duty.move !== undefined && { move: duty.move }),
});

/** On to the next role of the same move. */
function on({ duty, facts, times, alarm }: Moving, role: Role, toEpoch: number): Duty {
  const move = { toEpoch, sinceMs: facts.nowMs };
  return { ...times, role, epoch: duty.epoch, alarm, move };
}

const becomes = ({ times, alarm }: Moving, role: 'active' | 'standby', epoch: number): Duty => ({
  ...{ role, epoch, alarm },
  ...times,
});

const known = ({ duty, facts }: Moving): number => Math.max(duty.epoch, facts.siblingEpoch ?? 0);

/** B, before it leads. */
function comes(moving: Moving): Duty {
  const { duty, facts, vacant } = moving;
  const { toEpoch = duty.epoch + 1, sinceMs = facts.nowMs } = duty.move ?? {};
  const { siblingEpoch, siblingMove, nowMs, heartbeat } = facts;
  // The sibling has taken it back.
  if (siblingEpoch !== undefined && siblingEpoch >= toEpoch) return becomes(moving, 'standby', siblingEpoch);
  if (vacant) return becomes(moving, 'active', toEpoch);
  if (duty.role === 'joining') {
    if (siblingMove === toEpoch) return on(moving, 'calling', toEpoch);
    // One that cannot yield hears that it is over.
    return lasts(sinceMs, nowMs, answerMs) ? becomes(moving, 'active', toEpoch) : stays(moving);
  }
  // What is handed over comes by this link: without it the clients that were called are reached by leading alone.
  const over = facts.called === true || heartbeat === 'down' || lasts(sinceMs, nowMs, callMs);
  return over ? becomes(moving, 'active', toEpoch) : stays(moving);
}

/** A, while it leads. */
function yields(moving: Moving): Duty {
  const { duty, facts, times } = moving;
  const { toEpoch = duty.epoch + 1, sinceMs = facts.nowMs } = duty.move ?? {};
  const { siblingEpoch, siblingMove, nowMs } = facts;
  if (siblingEpoch !== undefined && siblingEpoch > duty.epoch) return on(moving, 'handed', siblingEpoch);
  if (siblingMove !== undefined && siblingMove > duty.epoch && siblingMove !== toEpoch)
    return on(moving, 'yielding', siblingMove);
  // Above what was ordered: whatever became of the sibling, it hears that it is over.
  if (lasts(times.forsakenSinceMs, nowMs, confirmMs) || lasts(sinceMs, nowMs, yieldMs))
    return becomes(moving, 'active', toEpoch + 1);
  return stays(moving);
}

/** A, when B leads. */
function goes(moving: Moving): Duty {
  const { duty, facts, vacant } = moving;
  const { sinceMs = facts.nowMs, toEpoch = duty.epoch } = duty.move ?? {};
  const { siblingEpoch, nowMs } = facts;
  if (vacant && facts.upstream) return becomes(moving, 'active', Math.max(known(moving), toEpoch) + 1);
  // Nobody is let down by who does not know that there is another; but not for ever.
  if (siblingEpoch === undefined && !lasts(sinceMs, nowMs, yieldMs)) return stays(moving);
  if (lasts(sinceMs, nowMs, lingerMs)) return becomes(moving, 'standby', Math.max(known(moving), toEpoch));
  if (!lasts(sinceMs, nowMs, loweredMs) || duty.role === 'leaving') return stays(moving);
  return { ...stays(moving), role: 'leaving' };
}

export function stepMove(moving: Moving): Duty {
  const { role } = moving.duty;
  if (role === 'joining' || role === 'calling') return comes(moving);
  return role === 'yielding' ? yields(moving) : goes(moving);
}

/** An active node whose sibling asks it to yield, by the link that it can be handed over by; undefined: none does. */
export function asked({ duty, facts, times, alarm }: Omit<Moving, 'vacant'>): Duty | undefined {
  const { siblingMove = 0, heartbeat, nowMs } = facts;
  if (siblingMove <= duty.epoch || heartbeat !== 'up') return undefined;
  const move = { toEpoch: siblingMove, sinceMs: nowMs };
  return { ...times, role: 'yielding', epoch: duty.epoch, alarm, move };
}
