// How nftables tells a packet its class: a set of the tunnels that are shaped in a direction and a map of those that have
// a class now, one of each a unit length, so that a packet costs one lookup, or two, however many tunnels there are.
//
// Downloads are classed on their way into the access interface, uploads on their way into the choke. A shaped tunnel
// without a class shares the class of those that wait for one: it is never unlimited. What is not shaped is told so by
// name, because HTB puts all that it was told nothing about, or a class that is not there, among those that wait.

import { classId } from '#internal/dataplane/dataplane.ts';
import { chokeFwmark, chokeIn } from '#internal/dataplane/ownership.ts';
import { addressBits, addressFrom } from '#internal/netip/netip.ts';
import { anyAccess, chain } from './nft-text.ts';
import type { View } from './self.ts';

export type Direction = 'up' | 'down';

/** Class that shaped tunnels share until they have their own. */
export const waitingClass = 2;
/** Of what is not shaped, where the uplink is known. */
export const unshapedClass = 3;
/** The root itself: HTB lets it pass all classes (htb_classify of the kernel). */
const pastClasses = 0;
const mark = `0x${chokeFwmark.toString(16)}`;
/** Bytes a second of uploads that the choke was not there for, as between two comparisons. */
const pastChoke = '500 kbytes/second';

/** Tunnels that are shaped in a direction. */
export const shapedSet = (direction: Direction, family: 4 | 6, length: number): string =>
  `shaped_${direction}${family}_${length}`;
/** Classes of those that have one. */
export const classMap = (direction: Direction, family: 4 | 6, length: number): string =>
  `class_${direction}${family}_${length}`;

interface Unit {
  readonly family: 4 | 6;
  readonly length: number;
}

/** A source or destination, cut to the unit. */
function field({ family, length }: Unit, direction: Direction): string {
  const address = `${family === 4 ? 'ip' : 'ip6'} ${direction === 'up' ? 'saddr' : 'daddr'}`;
  const bits = addressBits(family);
  if (length === bits) return address;
  return `${address} & ${addressFrom(family, ((1n << BigInt(length)) - 1n) << BigInt(bits - length))}`;
}

export function shapingChains({ node, units4, units6 }: View): readonly string[] {
  const units: readonly Unit[] = [
    ...units4.map((length) => ({ family: 4 as const, length })),
    ...units6.map((length) => ({ family: 6 as const, length })),
  ];
  const of = (direction: Direction, line: (unit: Unit) => string): readonly string[] =>
    units.map((unit) => `${field(unit, direction)} ${line(unit)}`);
  const shaped = (direction: Direction, verdict: string): readonly string[] =>
    of(direction, ({ family, length }) => `@${shapedSet(direction, family, length)} ${verdict}`);
  const classed = (direction: Direction): string =>
    chain(
      `class_${direction}`,
      `meta priority set ${classId(waitingClass)}`,
      ...units.map(
        (unit) => `meta priority set ${field(unit, direction)} map @${classMap(direction, unit.family, unit.length)}`,
      ),
    );
  const unshaped = node.uplinkBitPerSecond === 0n ? pastClasses : unshapedClass;
  return [
    ...(['up', 'down'] as const).flatMap((direction) =>
      units.flatMap(({ family, length }) => [
        `set ${shapedSet(direction, family, length)} { type ipv${family}_addr; }`,
        `map ${classMap(direction, family, length)} { type ipv${family}_addr : classid; }`,
      ]),
    ),
    // Before the route is chosen, which leads marked packets into the choke.
    chain('mark_up', ...shaped('up', `meta mark set ${mark}`)),
    chain('choke', 'type filter hook prerouting priority mangle; policy accept;', `iifname ${anyAccess} jump mark_up`),
    classed('up'),
    classed('down'),
    chain('shape_down', `meta priority set ${classId(unshaped)}`, ...shaped('down', 'goto class_down')),
    // The mark has done its work: the second time, out of the choke, the way goes on.
    chain('shape_up', 'meta mark set 0', 'goto class_up'),
    // After the filter. Forwarding gives a packet its priority by its TOS before this hook (ip_forward of the kernel).
    chain(
      'shaping',
      'type filter hook forward priority 10; policy accept;',
      `oifname ${anyAccess} jump shape_down`,
      `oifname "${chokeIn}" jump shape_up`,
      `iifname ${anyAccess} meta mark ${mark} limit rate over ${pastChoke} drop`,
    ),
    // Echoes and errors of the node itself, to tunnels.
    chain('shaping_own', 'type filter hook output priority 10; policy accept;', `oifname ${anyAccess} jump shape_down`),
  ];
}
