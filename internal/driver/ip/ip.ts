// Driver ip: wires, addresses, policy rules, routes and settings of a node's two namespaces, by ip(8) and sysctl(8).
//
// Ours is: a veth pair, VXLAN or global address of an interface with our prefix, an address of lo with our metric, a rule or
// route with our protocol number. Settings are ours while they are wanted; afterwards they stay as they are.
// Never: touches what does not bear these marks, or keeps an `ip -batch` alive (it remembers interface numbers, which
// change when an interface is born again).

import type { Netns, Way } from '#internal/dataplane/dataplane.ts';
import type { Driver } from '#internal/driver/driver.ts';
import { applySteps } from './apply.ts';
import { observeAll } from './observe.ts';
import { wayOf } from './way.ts';

export interface IpOptions {
  /** Files of the two namespaces. */
  readonly netns: Readonly<Record<Netns, string>>;
}

/** Names of the settings that were told so far, by namespace. */
export type KnownSysctls = Readonly<Record<Netns, Set<string>>>;

export interface IpDriver extends Driver<'sysctl' | 'wire' | 'span' | 'address' | 'rule' | 'route'> {
  /** How the pop namespace leads what goes to this address. One lookup of the kernel's, however many routes there are. */
  way(address: string): Promise<Way>;
}

export function openIp({ netns }: IpOptions): IpDriver {
  const listeners: ((reason: string) => void)[] = [];
  const disturb = (reason: string): void => {
    for (const listener of listeners) listener(reason);
  };
  const sysctls: KnownSysctls = { transport: new Set(), pop: new Set() };
  return {
    kinds: ['sysctl', 'wire', 'span', 'address', 'rule', 'route'],
    observe: () => observeAll(netns, sysctls),
    way: (address) => wayOf(netns.pop, address),
    apply: (steps) => applySteps(netns, sysctls, disturb, steps),
    // What others do is found by the comparison each 10 s; a link's death is told by its own driver.
    onDisturbance: (listener) => listeners.push(listener),
    close: async () => {},
  };
}
