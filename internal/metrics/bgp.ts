// BGP: what neighbours announce, by BIRD's names of sessions, which are made of ids.

import { Gauge, type Registry } from 'prom-client';

/** What is told of a session's routes: those that stand, and the updates of each fate. */
const fates = ['imported', 'received', 'rejected', 'filtered', 'ignored', 'accepted'] as const;

export interface BgpReading extends Readonly<Record<(typeof fates)[number], number>> {
  readonly session: string;
  readonly family: number;
  readonly limit?: number;
  readonly limitHit: boolean;
}

export function showBgp(registers: Registry[], read: () => readonly BgpReading[]): void {
  new Gauge({
    name: 'pop44_bgp_routes',
    help: 'Routes of the session that stand (imported), and updates since it came up by what became of them.',
    registers,
    labelNames: ['session', 'family', 'what'],
    collect() {
      this.reset();
      for (const { session, family, ...counts } of read())
        for (const what of fates) this.set({ session, family, what }, counts[what]);
    },
  });
  new Gauge({
    name: 'pop44_bgp_limit_hit',
    help: '1 while the neighbour announces more routes than are taken of it.',
    registers,
    labelNames: ['session', 'family'],
    collect() {
      this.reset();
      for (const { session, family, limit, limitHit } of read())
        if (limit !== undefined) this.set({ session, family }, Number(limitHit));
    },
  });
}
