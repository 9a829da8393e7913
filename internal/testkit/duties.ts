// Duties: what a node of a pair is and sees, for tests of who takes over: all is well, but for what a test says.

import type { Duty, Facts } from '#internal/takeover/takeover.ts';

/** Of the node with the higher id. */
export const second = { first: false } as const;
export const quiet: Facts = {
  nowMs: 100_000,
  heartbeat: 'up',
  underlay: 'up',
  reached: true,
  upstream: true,
  alive: true,
};
export const facts = (change: Partial<Facts>): Facts => ({ ...quiet, ...change });
export const active = (epoch: number): Duty => ({ role: 'active', epoch, alarm: '' });
export const standby = (epoch: number): Duty => ({ role: 'standby', epoch, alarm: '' });
/** Both ways to the sibling. */
export const down = { heartbeat: 'down', underlay: 'down', reached: false } as const;
