// Driver nft: our table of nftables in each namespace, as one text, and the elements of its hash sets.
//
// Changes go through one kept `nft -i` a namespace (0.2 ms an update, a process costs 6 to 8); `nft monitor` tells when
// another hand changed our table, and only then are the elements read again (20,000 of them cost 0.3 s).
// The text must not fill its sets: elements of plain sets and maps are ours one by one. Sets with timeouts, intervals
// or constants belong to the text and are not looked into.
// Never: touches a table that is not `inet pop44`.

import type { Clock } from '#internal/clock/clock.ts';
import type { Element, MutableDataplane, Netns, Ruleset } from '#internal/dataplane/dataplane.ts';
import type { Driver } from '#internal/driver/driver.ts';
import type { Log } from '#internal/log/log.ts';
import { applySteps, makeKnown } from './apply.ts';
import { type Denied, readDenials } from './denials.ts';
import { type Lease, leaseOf } from './lease.ts';
import { observeSpace } from './observe.ts';
import { readTrips } from './round-trips.ts';
import { createSpace } from './space.ts';

export type { Lease } from './lease.ts';

export interface NftOptions {
  /** Files of the two namespaces. */
  readonly netns: Readonly<Record<Netns, string>>;
  /** Keeps, over restarts, which listing of the kernel's stands for which text; and the file of the last big change. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

export interface NftDriver extends Driver<'ruleset' | 'element'> {
  /**
   * Addresses whose peers have shaken hands: the transport namespace lets their next handshakes in first (for a day).
   * O(addresses). A table that is made anew hears of them again.
   */
  known(addresses: readonly string[]): Promise<void>;
  /** By which a node of a pair may speak from its endpoint. */
  readonly lease: Lease;
  /** Milliseconds to and back from clients that have shaken hands in the last minute, by endpoint. O(their number). */
  roundTrips(): Promise<ReadonlyMap<string, number>>;
  /** What was refused in the pop namespace for these prefixes, those without any left out. O(what was refused lately). */
  denials(prefixes: readonly string[]): Promise<readonly Denied[]>;
}

/** As the ruleset of the pop namespace names them. */
const deniedSet = (prefix: string): string => (prefix.includes(':') ? 'denied6' : 'denied4');

/** Starts watching both namespaces. */
export async function openNft({ netns, stateDir, clock, log }: NftOptions): Promise<NftDriver> {
  const listeners: ((reason: string) => void)[] = [];
  const disturb = (reason: string): void => {
    for (const listener of listeners) listener(reason);
  };
  const open = (name: Netns) => createSpace({ netns: name, path: netns[name], stateDir, clock, log, disturb });
  const spaces = { transport: open('transport'), pop: open('pop') };
  const both = Object.values(spaces);
  await Promise.all(both.map((space) => space.exclusive(() => space.session())));
  return {
    kinds: ['ruleset', 'element'],
    async observe(): Promise<Pick<MutableDataplane, 'ruleset' | 'element'>> {
      const ruleset = new Map<string, Ruleset>();
      const element = new Map<string, Element>();
      await Promise.all(both.map((space) => space.exclusive(() => observeSpace(space, ruleset, element))));
      return { ruleset, element };
    },
    denials: (prefixes) => readDenials(netns.pop, prefixes, deniedSet),
    roundTrips: () => readTrips(netns.transport),
    apply: (steps) => applySteps(spaces, steps),
    lease: leaseOf(spaces.transport),
    known: (addresses) => makeKnown(spaces.transport, addresses, clock.monotonicMs()),
    onDisturbance: (listener) => listeners.push(listener),
    close: async () => {
      await Promise.all(both.map((space) => space.close()));
    },
  };
}
