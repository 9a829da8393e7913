// Driver float: an endpoint on the LAN of the transport namespace's uplink, with the way out of what is sent from it, and what
// neighbours are told of it.
//
// Ours is: an address with our metric on an interface that is none of ours, and a default route of our own protocol number in
// the endpoint's table.
// Never: decides who holds the address, sends anything but that it is held, or answers for it: the kernel does.

import type { Clock } from '#internal/clock/clock.ts';
import type { Driver } from '#internal/driver/driver.ts';
import type { Log } from '#internal/log/log.ts';
import { createAnnouncer } from './announcer.ts';
import { applyStep } from './apply.ts';
import { type Neighbour, neighbourOf, observeAll } from './observe.ts';

export type { Neighbour } from './observe.ts';

export interface FloatOptions {
  /** File of the transport namespace. */
  readonly netns: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface FloatDriver extends Driver<'floating'> {
  /** Whether a gateway answers as a neighbour; asks it, so that the next answer is a fresh one. Two processes. */
  neighbour(gateway: string): Promise<Neighbour>;
}

export function openFloat({ netns, clock, log }: FloatOptions): FloatDriver {
  const announcer = createAnnouncer({ netns, clock, log });
  let queue: Promise<unknown> = Promise.resolve();
  /** An earlier process of ours may have left some. Afterwards nobody makes any but us, and most nodes never have one. */
  let mayStand = true;
  /** One at a time: what was seen before it fell must not be announced afterwards. */
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(work);
    queue = turn.catch(() => undefined);
    return turn;
  };
  return {
    kinds: ['floating'],
    observe: () =>
      exclusive(async () => {
        if (!mayStand) return { floating: new Map() };
        const { floating, places } = await observeAll(netns);
        mayStand = floating.size > 0 || places.size > 0;
        // What stands since before this process does is announced on.
        for (const [address, place] of places) announcer.announce(address, place);
        announcer.only([...places.keys()]);
        return { floating };
      }),
    neighbour: (gateway) => neighbourOf(netns, gateway),
    apply: (steps) =>
      exclusive(async () => {
        // Two at most, one a family.
        const own = steps.filter((step) => step.kind === 'floating');
        if (own.length > 0) mayStand = true;
        const failures = await Promise.all(own.map((step) => applyStep(netns, announcer, step)));
        return failures.flat();
      }),
    onDisturbance: () => undefined,
    close: () => announcer.close(),
  };
}
