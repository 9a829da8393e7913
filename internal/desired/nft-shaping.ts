// How nftables tells a packet its class: a set of the tunnels that are shaped in a direction and a map of those that have
// a class now, one of each a unit length, so that a packet costs a few lookups, however many tunnels there are.
//
// Downloads are classed on their way into the access interface, uploads on their way into the choke. A shaped tunnel
// without a class shares the class of those that wait for one: it is never unlimited. What is not shaped is told so by
// name, because HTB puts all that it was told nothing about, or a class that is not there, among those that wait.
//
// Where the uplink is not known, nothing is shared, and a tunnel that stays below its rate needs no class to do so. Each of its
// prefixes is an element that nft finds while it is below a limit of its own, and that names the tunnel's class; a packet that does not find
// it notes the class, and a tunnel whose class is noted goes through it with all its prefixes.

import { classId } from '#internal/dataplane/dataplane.ts';
import { chokeFwmark } from '#internal/dataplane/ownership.ts';
import { addressBits, addressFrom } from '#internal/netip/netip.ts';
import { anyAccess, chain } from './nft-text.ts';
import type { View } from './self.ts';
import { accessMtu } from './wireguard.ts';

export type Direction = 'up' | 'down';

/** Class that shaped tunnels share until they have their own. */
export const waitingClass = 2;
/** Of what is not shaped, where the uplink is known. */
export const unshapedClass = 3;
/** The root itself: HTB lets it pass all classes (htb_classify of the kernel). */
const pastClasses = 0;
const mark = `0x${chokeFwmark.toString(16)}`;
export const forChoke = `meta mark ${mark}`;
/** It was not there, as between two comparisons: what is above this is refused. */
export const pastChoke = 'limit rate over 500 kbytes/second';

/** Of its rate. What waits in a class, a second of its rate at most (driver/tc/render.ts), has gone when its tunnel is past it again. */
const pacedShare = 0.9;
/** Since the last packet too many. */
const notedFor = '10s';
/** Of a tunnel with less, 12 packets wait for longer than that second: it goes through its class always. */
const leastPaced = 150_000;
/** Minors of classes. */
const mostNoted = 65_536;
/** As long as a plain queue (driver/tc/render.ts): what a busy machine has held up comes at once. */
const pacedBurstMs = 100;

/** Tunnels that are shaped in a direction. */
export const shapedSet = (direction: Direction, family: 4 | 6, length: number): string =>
  `shaped_${direction}${family}_${length}`;
/** Classes of those that have one. */
export const classMap = (direction: Direction, family: 4 | 6, length: number): string =>
  `class_${direction}${family}_${length}`;

/** Classes of those that need none while they are below a limit: found while they are. */
export const paceMap = (direction: Direction, family: 4 | 6, length: number): string =>
  `pace_${direction}${family}_${length}`;
/** Of one that has no class yet; as nft writes 0:0. */
export const noClass = 'none';
/** Classes of those that were above it, filled by packets. */
const notedSet = (direction: Direction): string => `noted_${direction}`;
const noting = (direction: Direction): string => `update @${notedSet(direction)} { meta priority }`;
/** Whether a ruleset lets tunnels that are below their limits past their classes. */
export const sparesClasses = (ruleset: string, direction: Direction): boolean => ruleset.includes(noting(direction));

const perMinute = (packets: number, burst: number): string => `limit rate ${packets}/minute burst ${burst} packets`;

/**
 * The limit of one of so many prefixes of a tunnel. In full packets, which nft counts without a second's worth at once, as it does with
 * bytes (nft_limit.c of the kernel); smaller ones are led through their class sooner than they need be. Undefined: none.
 */
export function pace(bitPerSecond: number, prefixes: number): string | undefined {
  if (bitPerSecond < leastPaced) return undefined;
  const perSecond = (pacedShare * bitPerSecond) / 8 / accessMtu / prefixes;
  return perMinute(Math.floor(perSecond * 60), Math.max(1, Math.floor((perSecond * pacedBurstMs) / 1_000)));
}

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

const unitsOf = ({ units4, units6 }: Pick<View, 'units4' | 'units6'>): readonly Unit[] => [
  ...units4.map((length) => ({ family: 4 as const, length })),
  ...units6.map((length) => ({ family: 6 as const, length })),
];

const toClass = (unit: Unit, direction: Direction): string =>
  `meta priority set ${field(unit, direction)} map @${classMap(direction, unit.family, unit.length)}`;

/** Of what goes to a tunnel that has a class: its session is here, or at a sibling whose clients may come at once. */
export const haveClass = (view: View): readonly string[] => unitsOf(view).map((unit) => toClass(unit, 'down'));

export function shapingChains(view: View): readonly string[] {
  const units = unitsOf(view);
  const each = (
    direction: Direction,
    lines: (own: string, name: (set: typeof shapedSet) => string) => readonly string[],
  ) => units.flatMap((unit) => lines(field(unit, direction), (set) => set(direction, unit.family, unit.length)));
  const shaped = (direction: Direction, verdict: string): readonly string[] =>
    each(direction, (own, name) => [`${own} @${name(shapedSet)} ${verdict}`]);
  const itsClass = (direction: Direction): readonly string[] => units.map((unit) => toClass(unit, direction));
  const knowsUplink = view.node.uplinkBitPerSecond !== 0n;
  // Found by no limit: above it, or without one. Several packets that the kernel has put together count as one there. One look tells
  // both whether it is below and which class may be noted.
  const toClasses = (direction: Direction): readonly string[] =>
    knowsUplink
      ? shaped(direction, `goto above_${direction}`)
      : each(direction, (own, name) => [
          `meta length <= ${accessMtu} meta priority set ${own} map @${name(paceMap)} goto below_${direction}`,
          `${own} @${name(shapedSet)} goto above_${direction}`,
        ]);
  const classed = (direction: Direction): readonly string[] => [
    `meta priority set ${classId(waitingClass)}`,
    ...itsClass(direction),
  ];
  const unshaped = classId(knowsUplink ? unshapedClass : pastClasses);
  const isNoted = (direction: Direction): string => `meta priority @${notedSet(direction)}`;
  const above = (direction: Direction): readonly string[] => [
    ...classed(direction),
    ...(knowsUplink ? [] : [noting(direction)]),
  ];
  return [
    ...(['up', 'down'] as const).flatMap((direction) => [
      ...units.flatMap(({ family, length }) => [
        `set ${shapedSet(direction, family, length)} { type ipv${family}_addr; }`,
        `map ${paceMap(direction, family, length)} { type ipv${family}_addr : classid; ${perMinute(1, 1)}; }`,
        `map ${classMap(direction, family, length)} { type ipv${family}_addr : classid; }`,
      ]),
      `set ${notedSet(direction)} { type classid; size ${mostNoted}; flags dynamic, timeout; timeout ${notedFor}; }`,
    ]),
    // Before the route is chosen, which leads marked packets into the choke. Its class is looked up twice, since forwarding changes a packet's
    // priority; it must not keep ours where it does not (IPv6).
    chain('above_up', `meta mark set ${mark}`, ...(knowsUplink ? [] : [...above('up'), 'meta priority set none'])),
    chain('below_up', `${isNoted('up')} meta mark set ${mark}`, 'meta priority set none'),
    chain('mark_up', ...toClasses('up')),
    chain('above_down', ...above('down'), 'accept'),
    // Who has no class yet is in none that could be noted.
    chain('below_down', `${isNoted('down')} accept`, `meta priority set ${unshaped} accept`),
    // What is for a tunnel and may come in. Forwarding gave it its priority by its TOS before.
    chain('received', ...toClasses('down'), `meta priority set ${unshaped} accept`),
    // The mark has done its work: the second time, out of the choke, the way goes on.
    chain('shape_up', 'meta mark set 0', ...classed('up'), 'accept'),
    // Echoes and errors of the node itself, to tunnels.
    chain('shaping_own', 'type filter hook output priority 10; policy accept;', `oifname ${anyAccess} goto received`),
  ];
}
