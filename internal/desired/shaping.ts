// Shaping: classes of the access interface for what tunnels receive, and of the choke for what they send.
//
// One tree on each: the node's uplink at the top, below it a class for each shaped tunnel that is live, one for shaped
// tunnels that have no class yet, and on the access interface one for what is not shaped. A tunnel's class has next to
// nothing for certain and its rate for a ceiling: when the uplink is full, all that want more get alike.

import { classId, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { chokeFwmark, chokeIn, chokeOut, chokeTable } from '#internal/dataplane/ownership.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  classMap,
  type Direction,
  noClass,
  pace,
  paceMap,
  shapedSet,
  unshapedClass,
  waitingClass,
} from './nft-shaping.ts';
import type { View } from './self.ts';

const uplinkClass = 1;

/** What a class has whatever others want: 8 kbit/s are the least step of tc, 10,000 of them still no uplink. */
const certainBitPerSecond = 8_000;
/** All that wait for a class together. It takes a second or two after the first handshake (applier/handshakes.ts). */
const waitingBitPerSecond = 4_000_000;
/** Where nobody said what the uplink carries: no limit, 100 Gbit/s. */
const unknownUplink = 100_000_000_000n;
/** Packets cross the choke as they came: 1500 is what an uplink takes, and more than a tunnel's. */
const chokeMtu = 1500;
/** ETH_HLEN (linux/if_ether.h): rates are of IP bytes, and a wire's packets have this before them. */
const ethernetHeader = 14;
/** Before `main` (32766, ip-rule(8)). */
const chokeRulePriority = 4390;
/** Neighbours that the wire never asks for (driver/ip/render.ts): link-local of both families (RFC 3927, RFC 4291). */
const chokeHop = { 4: '169.254.44.1', 6: 'fe80::44' } as const;

/** By direction. `down`: access interfaces, whose trees do not know of each other: two have the uplink twice. */
const devices = (down: readonly (string | undefined)[]): readonly (readonly [Direction, string])[] => [
  ...down.flatMap((dev) => (dev === undefined ? [] : [['down', dev] as const])),
  ['up', chokeIn],
];

/** In the steps in which tc(8) tells a rate: whole kbit/s, from 1 Gbit/s on whole Mbit/s (print_rate of iproute2). */
export function toldRate(bitPerSecond: bigint): number {
  const step = bitPerSecond < 1_000_000_000n ? 1_000n : 1_000_000n;
  return Math.max(1_000, Number(bitPerSecond - (bitPerSecond % step)));
}

export function shaping({ node, accessLinks }: View, into: MutableDataplane): void {
  const uplinkBitPerSecond = node.uplinkBitPerSecond === 0n ? unknownUplink : node.uplinkBitPerSecond;
  const uplink = toldRate(uplinkBitPerSecond);
  put(into, 'wire', { netns: 'pop', name: chokeIn, peer: chokeOut, mtu: chokeMtu });
  for (const [direction, dev] of devices(accessLinks)) {
    const classOf = (minor: number, rate: number, ceil: number): void =>
      put(into, 'class', {
        netns: 'pop',
        dev,
        minor,
        parent: minor === uplinkClass ? 0 : uplinkClass,
        rateBitPerSecond: Math.min(rate, ceil),
        ceilBitPerSecond: ceil,
        queue: minor !== uplinkClass,
      });
    put(into, 'shaper', {
      netns: 'pop',
      dev,
      // A class that could not be made, or not yet, must not leave its tunnel unlimited; 0 would. What is not shaped is
      // told its class by name (nft-shaping.ts).
      defaultClass: waitingClass,
      overhead: direction === 'up' ? -ethernetHeader : 0,
    });
    classOf(uplinkClass, uplink, uplink);
    classOf(waitingClass, certainBitPerSecond, Math.min(waitingBitPerSecond, uplink));
    // Whoever is not shaped has half of the uplink for certain, all together, and what the others leave. It stands where
    // the uplink is not known too: when that is told, packets are led here before this class could be made.
    if (direction === 'down') classOf(unshapedClass, toldRate(uplinkBitPerSecond / 2n), uplink);
  }
  for (const family of [4, 6] as const) {
    put(into, 'rule', {
      netns: 'pop',
      family,
      priority: chokeRulePriority,
      fwmark: chokeFwmark,
      table: chokeTable,
    });
    put(into, 'route', {
      netns: 'pop',
      table: chokeTable,
      prefix: family === 4 ? '0.0.0.0/0' : '::/0',
      type: 'unicast',
      dev: chokeIn,
      via: chokeHop[family],
    });
  }
}

/** Its elements, and its classes while it has a session here: `classNumber`, downwards on the access interface `dev`. */
export function shapedTunnel(
  tunnel: Tunnel,
  prefixes: readonly { readonly prefix: string }[],
  { dev: down, classNumber }: { readonly dev: string; readonly classNumber: number | undefined },
  into: MutableDataplane,
): void {
  for (const [direction, dev] of devices([down])) {
    const rate = direction === 'up' ? tunnel.rateUpBitPerSecond : tunnel.rateDownBitPerSecond;
    if (rate === 0n) continue;
    const ceil = toldRate(rate);
    for (const { prefix } of prefixes) {
      const [host = '', length = ''] = prefix.split('/');
      const family = host.includes(':') ? 6 : 4;
      const element = (set: string, text: string): void => put(into, 'element', { netns: 'pop', set, element: text });
      element(shapedSet(direction, family, Number(length)), host);
      const limit = pace(ceil, prefixes.length);
      const itsClass = classNumber === undefined ? noClass : classId(classNumber);
      if (limit !== undefined) element(paceMap(direction, family, Number(length)), `${host} ${limit} : ${itsClass}`);
      if (classNumber !== undefined) element(classMap(direction, family, Number(length)), `${host} : ${itsClass}`);
    }
    if (classNumber === undefined) continue;
    put(into, 'class', {
      netns: 'pop',
      dev,
      minor: classNumber,
      parent: uplinkClass,
      rateBitPerSecond: Math.min(certainBitPerSecond, ceil),
      ceilBitPerSecond: ceil,
      queue: true,
    });
  }
}
