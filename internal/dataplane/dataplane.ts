// Dataplane: what a node's kernel and BIRD hold, or should hold, as one plain value.
//
// On the path: desired(snapshot, node) makes the wanted one, drivers observe the found one, plan compares the two.
// Never: touches the world. Secrets stand here as paths of files on the node or sealed to it, never in clear.

import type { Anycast, Span } from './vxlan.ts';

export type { BgpCounts } from './bgp-counts.ts';
export {
  paddedPassword,
  passwordBytes,
  passwordFault,
  passwordIn,
  sealedPassword,
  sealedPasswords,
} from './bgp-password.ts';
export type { Session, Way } from './facts.ts';
export { carriedStates, type Flow, mostFlows } from './flow.ts';
export type { Floating, Pair, Sync } from './pair.ts';
export type { Anycast, Span } from './vxlan.ts';

import type { Floating, Pair, Sync } from './pair.ts';

/** The two namespaces of a node: uplink and UDP sockets in one, customers and WireGuard interfaces in the other. */
export type Netns = 'transport' | 'pop';

/** A WireGuard interface. Its UDP socket stays in the transport namespace. Key: its name. */
export interface Link {
  /** At most 15 characters (IFNAMSIZ), beginning with our mark `p44`. */
  readonly name: string;
  /** Where the interface stands after its birth in the transport namespace. */
  readonly netns: Netns;
  readonly mtu: number;
  readonly listenPort: number;
  /** 0: none. */
  readonly fwmark: number;
  /** File on the node with the private key in base64; empty: it is sealed. */
  readonly privateKeyFile: string;
  /** The private key sealed to this node, an age file in base64; with an empty file's name only. */
  readonly sealedPrivateKey?: string;
}

/** Key: `<link> <public key>`. */
export interface Peer {
  readonly link: string;
  /** 44 characters of base64. */
  readonly publicKey: string;
  /** Canonical prefixes, sorted as strings. */
  readonly allowedIps: readonly string[];
  /** `198.18.1.2:51820` or `[2001:db8::1]:51820`; absent when the peer tells by itself (roaming is not drift). */
  readonly endpoint?: string;
  /** Seconds; 0: off. */
  readonly keepaliveSeconds: number;
  /** The pre-shared key sealed to this node, an age file in base64; absent: none. */
  readonly sealedPresharedKey?: string;
  /** Takes over the AllowedIPs of the peer with this public key when it first shakes hands; has none itself till then. */
  readonly successorOf?: string;
}

/**
 * Two virtual Ethernet interfaces that are the ends of one wire inside a namespace: what leaves by the first comes in by
 * the second, without neighbours to ask for. Key: `<netns> <name>`.
 */
export interface Wire {
  readonly netns: Netns;
  readonly name: string;
  readonly peer: string;
  readonly mtu: number;
}

/** The root of a device's classes (HTB, handle 1:). Key: `<netns> <dev>`. */
export interface Shaper {
  readonly netns: Netns;
  readonly dev: string;
  /** Class of packets that are put in none; 0: they pass as they come. */
  readonly defaultClass: number;
  /** Bytes added to each packet's length before it is counted: -14 takes an Ethernet header off. */
  readonly overhead: number;
}

/** Key: `<netns> <dev> 1:<minor in hex>`. */
export interface ShaperClass {
  readonly netns: Netns;
  readonly dev: string;
  /** 1 to 0xffff. */
  readonly minor: number;
  /** 0: under the root. */
  readonly parent: number;
  /** Its share for certain. */
  readonly rateBitPerSecond: number;
  /** With what its parent has to spare. Both in steps that tc(8) tells (desired/shaping.ts). */
  readonly ceilBitPerSecond: number;
  /** Packets wait here; else other classes stand below. */
  readonly queue: boolean;
}

/** Key: `<netns> <dev> <cidr>`. */
export interface Address {
  readonly netns: Netns;
  readonly dev: string;
  readonly cidr: string;
}

/** A policy rule that looks up one of our tables. Key: `<netns> <family> <priority>`. */
export interface Rule {
  readonly netns: Netns;
  readonly family: 4 | 6;
  readonly priority: number;
  /** Absent: every packet. */
  readonly fwmark?: number;
  readonly table: number;
}

/** Key: `<netns> <table> <prefix>`. */
export interface Route {
  readonly netns: Netns;
  readonly table: number;
  readonly prefix: string;
  readonly type: 'unicast' | 'unreachable' | 'blackhole';
  /** Of a unicast route. */
  readonly dev?: string;
  /** Next hop, taken for a neighbour whatever addresses the device has. */
  readonly via?: string;
  /** Absent: the kernel's own default (0, of IPv6 1024). */
  readonly metric?: number;
}

/** Key: `<netns> <name>`; the name with dots: `net.ipv4.ip_forward`. */
export interface Sysctl {
  readonly netns: Netns;
  readonly name: string;
  readonly value: string;
}

/** Our nftables table without the elements of its sets. Key: the netns. */
export interface Ruleset {
  readonly netns: Netns;
  /** Text between the braces of `table inet pop44 { ... }`. */
  readonly text: string;
}

/** An element of a hash set or map in our table. Key: `<netns> <set> <element>`, without the value that a map has for it, or its limit. */
export interface Element {
  readonly netns: Netns;
  readonly set: string;
  /**
   * As nft prints it, protocols and services as numbers: `44.31.0.7`, `2001:db8:44:7::`, `44.31.0.7 : 3` of a map, `44.31.0.7 limit rate
   * 600/minute burst 2 packets : 1:b` of one whose elements are found while they are below a limit.
   */
  readonly element: string;
}

/** What sessions of a node lead to. */
export const purposes = ['cores', 'loopbacks', 'upstreams'] as const;
/** Sessions that lead to the same, once for each purpose: a new text of BIRD must not lose all of those that were up. */
export interface Lifeline {
  readonly to: (typeof purposes)[number];
  /** Names of BIRD's protocols, or of adjacencies of OSPF (desired/session-names.ts). */
  readonly sessions: readonly string[];
}

/** Configuration of one of the two BIRDs. Key: its netns. */
export interface Bird {
  readonly netns: Netns;
  /** Passwords of sessions stand in it sealed to this node (bgp-password.ts). */
  readonly text: string;
  /** None without a session: what the records took away is not missed. */
  readonly lifelines: readonly Lifeline[];
  /** BIRD is started anew, keeping its routes, when this has changed; absent: 0. */
  readonly generation?: number;
}

export interface Kinds {
  sysctl: Sysctl;
  ruleset: Ruleset;
  link: Link;
  wire: Wire;
  span: Span;
  anycast: Anycast;
  shaper: Shaper;
  class: ShaperClass;
  address: Address;
  floating: Floating;
  rule: Rule;
  element: Element;
  peer: Peer;
  route: Route;
  bird: Bird;
  sync: Sync;
  pair: Pair;
}
export type Kind = keyof Kinds;

/** In the order in which things are added; removal goes the other way (plan/order.ts says why). */
export const kinds = [
  'sysctl',
  'ruleset',
  'link',
  'wire',
  'span',
  'anycast',
  'shaper',
  'class',
  'address',
  'floating',
  'rule',
  'element',
  'peer',
  'route',
  'bird',
  'sync',
  'pair',
] as const satisfies readonly Kind[];

export type Dataplane = { readonly [K in Kind]: ReadonlyMap<string, Kinds[K]> };
export type MutableDataplane = { readonly [K in Kind]: Map<string, Kinds[K]> };

export function emptyDataplane(): MutableDataplane {
  return {
    sysctl: new Map(),
    ruleset: new Map(),
    link: new Map(),
    wire: new Map(),
    span: new Map(),
    anycast: new Map(),
    shaper: new Map(),
    class: new Map(),
    address: new Map(),
    floating: new Map(),
    rule: new Map(),
    element: new Map(),
    peer: new Map(),
    route: new Map(),
    bird: new Map(),
    sync: new Map(),
    pair: new Map(),
  };
}

/** As tc(8) and nft(8) write it. */
export const classId = (minor: number): string => `1:${minor.toString(16)}`;

/** A map has a key once, and so has a set whose elements have limits: another value for it is a change. */
function withoutValue(element: string): string {
  const end = element.search(/ (: |limit )/);
  return end < 0 ? element : element.slice(0, end);
}

const keyOf: { readonly [K in Kind]: (value: Kinds[K]) => string } = {
  sysctl: (v) => `${v.netns} ${v.name}`,
  ruleset: (v) => v.netns,
  link: (v) => v.name,
  wire: (v) => `${v.netns} ${v.name}`,
  span: (v) => v.name,
  anycast: (v) => v.name,
  shaper: (v) => `${v.netns} ${v.dev}`,
  class: (v) => `${v.netns} ${v.dev} ${classId(v.minor)}`,
  address: (v) => `${v.netns} ${v.dev} ${v.cidr}`,
  floating: (v) => String(v.family),
  rule: (v) => `${v.netns} ${v.family} ${v.priority}`,
  element: (v) => `${v.netns} ${v.set} ${withoutValue(v.element)}`,
  peer: (v) => `${v.link} ${v.publicKey}`,
  route: (v) => `${v.netns} ${v.table} ${v.prefix}`,
  bird: (v) => v.netns,
  sync: (v) => v.link,
  pair: (v) => v.link,
};

/** The key under which a value stands in its map. */
export function key<K extends Kind>(kind: K, value: Kinds[K]): string {
  return keyOf[kind](value);
}

export function put<K extends Kind>(into: MutableDataplane, kind: K, value: Kinds[K]): void {
  into[kind].set(key(kind, value), value);
}

/** A value with its kind, as it travels between the halves of a node. */
export type Item = { readonly [K in Kind]: readonly [K, Kinds[K]] }[Kind];

/** The key of an item. */
export function itemKey([kind, value]: Item): string {
  // The kind names the value's type; the compiler does not follow the pair.
  return (keyOf[kind] as (value: Kinds[Kind]) => string)(value);
}
