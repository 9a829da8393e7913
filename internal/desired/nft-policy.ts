// What may come in to tunnels, and how many flows they may open, in nft's language. Text that is the same whatever the tunnels' rules are: these are
// elements, so that a change of one tunnel is a change of its elements.
//
// Keys begin with a tunnel's prefix, which is found by one mask for each unit length: slabs have one unit size, so
// that no two tunnels share a first address whatever their lengths, and one set serves all lengths of a family.

import {
  entriesOf,
  type Family,
  isDefault,
  type Policy,
  type PresetName,
  portBlockSizes,
  presetNames,
  presets,
  sourceLengths,
} from '#internal/firewall/firewall.ts';
import { addressBits, addressFrom, prefixLength } from '#internal/netip/netip.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { chain } from './nft-text.ts';

export const tunnelSet = (family: Family, length: number): string => `t${family}_${length}`;
export const policyMap = (family: Family): string => `policy${family}`;
export const protocolSet = (family: Family): string => `protocols${family}`;
export const portSet = (family: Family, size: number): string => `ports${family}_${size}`;
export const sourceMap = (family: Family, length: number): string => `sources${family}_${length}`;
const flowSet = (family: Family): string => `flows${family}`;
const openedSet = (family: Family): string => `opened${family}`;
const deniedSet = (family: Family): string => `denied${family}`;

/** In a packet's mark while it is judged: a bit for each preset, and these. */
export const presetBit = (name: PresetName): number => 1 << presetNames.indexOf(name);
export const ownRulesBit = 0x100;
/** Never 0 in the map, also of a tunnel that admits nothing. */
const knownBit = 0x200;

/**
 * New flows a second from one source to all tunnels of a node, and how many may come at once. One web page opens up to
 * six connections to each host (common browsers), and up to some hundred people stand behind one address of a
 * provider (RFC 6888 REQ-4 lets it limit each of them). Whoever scans a /22 at more than that is slowed down here.
 */
const flowLimit = 'limit rate over 100/second burst 400 packets';
/**
 * New flows a second from a tunnel's prefix, and how many may come at once. A browser that opens fifty pages at once
 * makes about 1,000 (13 connections a page, Web Almanac 2020, and some names to look up), a monitor of 1,000 hosts a
 * minute 17 a second. A scan makes thousands: each first packet stays in the kernel's table for up to 120 s
 * (nf_conntrack_tcp_timeout_syn_sent), so that one tunnel has 13,000 of its 65,536 or 262,144 places at most.
 */
const openingLimit = 'limit rate over 100/second burst 1000 packets';
/**
 * In a flow's mark once it was counted; a refused flow is forgotten with its first packet. A tunnel that sends is met
 * first: what goes to another tunnel is then counted there too, and has that mark afterwards.
 */
const countedMark = '0x44';
const openedMark = '0x45';
/** Sources that are watched, 65,536 of them in 12 MB; one more is let through unwatched. */
const mostFlows = 65_536;
/** A source that was quiet that long has its whole burst again. */
const flowTimeout = '1m';
/** A device holds 65,536 peers (DESIGN.md, section 3). */
const mostTunnels = 65_536;
/** No longer than a released prefix stays in quarantine, so that nobody sees what was refused to another. */
const deniedTimeout = '1d';

const ip = (family: Family): string => (family === 4 ? 'ip' : 'ip6');

const netmask = (family: Family, length: number): string => {
  const bits = BigInt(addressBits(family));
  return addressFrom(family, ((1n << BigInt(length)) - 1n) << (bits - BigInt(length)));
};

/** The first address of the prefix of this length. */
const masked = (family: Family, field: 'saddr' | 'daddr', length: number): string => {
  const address = `${ip(family)} ${field}`;
  return length === addressBits(family) ? address : `${address} & ${netmask(family, length)}`;
};

/** `field` is one of the tunnels' prefixes of this length. */
export const isTunnel = (family: Family, field: 'saddr' | 'daddr', length: number): string =>
  `${masked(family, field, length)} @${tunnelSet(family, length)}`;

/** The sets and maps of a family, filled by elements, but for those that packets fill. */
export function declarations(family: Family, units: readonly number[]): readonly string[] {
  const address = `ipv${family}_addr`;
  const set = (name: string, type: string): string => `set ${name} { type ${type}; }`;
  const filled = (name: string, size: number, timeout: string): string =>
    `set ${name} { type ${address}; size ${size}; flags dynamic, timeout; timeout ${timeout}; }`;
  if (units.length === 0) return [];
  return [
    ...units.map((length) => set(tunnelSet(family, length), address)),
    `map ${policyMap(family)} { type ${address} : mark; }`,
    set(protocolSet(family), `${address} . mark . inet_proto`),
    ...portBlockSizes.map((size) => set(portSet(family, size), `${address} . mark . inet_proto . inet_service`)),
    ...sourceLengths[family].map(
      (length) => `map ${sourceMap(family, length)} { type ${address} . ${address} : mark; }`,
    ),
    filled(flowSet(family), mostFlows, flowTimeout),
    filled(openedSet(family), mostTunnels, flowTimeout),
    filled(deniedSet(family), mostTunnels, deniedTimeout),
  ];
}

/** What is admitted is shaped then; what is refused must not bring its tunnel above a limit. */
const admit = 'goto received';

/** Presets, whichever the mark names. ICMP by its types' names, which nft has in itself. */
export function presetChain(): string {
  const has = (name: PresetName): string => `meta mark & ${presetBit(name)} == ${presetBit(name)}`;
  const openings = presetNames.flatMap((name) =>
    presets[name].openings.map(({ protocol, firstPort, lastPort }) => {
      const ports = firstPort === lastPort ? String(firstPort) : `${firstPort}-${lastPort}`;
      return `${has(name)} ${protocol === 6 ? 'tcp' : 'udp'} dport ${ports} ${admit}`;
    }),
  );
  return chain(
    'presets',
    `${has('open')} ${admit}`,
    `${has('ping')} icmp type echo-request ${admit}`,
    `${has('ping')} icmpv6 type echo-request ${admit}`,
    ...openings,
  );
}

/** New flows to tunnels whose prefixes have this length. */
export function unitChains(family: Family, length: number): readonly string[] {
  const tunnel = masked(family, 'daddr', length);
  const source = flowSource[family];
  const name = (what: string): string => `${what}${family}_${length}`;
  const refuse = (what: string, address: string): string =>
    chain(name(what), `update @${deniedSet(family)} { ${address} counter }`, 'drop');
  return [
    // By packet: its own counter for each tunnel, made with the first that is refused; of what it sends likewise.
    refuse('denied', tunnel),
    refuse('refused', masked(family, 'saddr', length)),
    chain(
      name('group'),
      `${tunnel} . meta mark . meta l4proto @${protocolSet(family)} ${admit}`,
      'meta l4proto != { 6, 17 } return',
      ...portBlockSizes.map((size) => {
        const port = size === 1 ? 'th dport' : `th dport & ${0x1_0000 - size}`;
        return `${tunnel} . meta mark . meta l4proto . ${port} @${portSet(family, size)} ${admit}`;
      }),
    ),
    chain(
      name('own'),
      'meta mark set 0',
      `jump ${name('group')}`,
      ...sourceLengths[family].toReversed().map((long) => {
        const from = `(${masked(family, 'saddr', long)})`;
        return `meta mark set ${tunnel} . ${from} map @${sourceMap(family, long)} goto ${name('group')}`;
      }),
    ),
    chain(
      name('judge'),
      `meta mark set ${presetBit('ping')}`,
      `meta mark set ${tunnel} map @${policyMap(family)}`,
      'jump presets',
      `meta mark & ${ownRulesBit} == ${ownRulesBit} jump ${name('own')}`,
      `goto ${name('denied')}`,
    ),
    // Before a reply all packets of a flow are new, and a flow of one direction never has one: the first alone counts.
    // Not by "confirmed", which a shaped tunnel's packet is when it comes back from the choke.
    chain(
      name('new'),
      `ct mark ${countedMark} goto ${name('judge')}`,
      `update @${flowSet(family)} { ${source} ${flowLimit} } goto ${name('denied')}`,
      `ct mark set ${countedMark}`,
      `goto ${name('judge')}`,
    ),
  ];
}

/** New flows from tunnels whose prefixes have this length. */
export function openingChain(family: Family, length: number, nowhere: readonly string[]): string {
  const tunnel = masked(family, 'saddr', length);
  return chain(
    `open${family}_${length}`,
    'ct state established,related return',
    `${family === 4 ? 'ip' : 'ip6'} daddr { ${nowhere.join(', ')} } drop`,
    // As with flows that come in: the first packet alone counts.
    'ct state != new return',
    'ct mark != 0 return',
    `update @${openedSet(family)} { ${tunnel} ${openingLimit} } goto refused${family}_${length}`,
    `ct mark set ${openedMark}`,
  );
}

/** By /64 in IPv6: whoever has one has all its addresses (RFC 6177). */
const flowSource = { 4: 'ip saddr', 6: masked(6, 'saddr', 64) } as const;

/** In the chain that sees what goes to tunnels. */
export const toUnit = (family: Family, length: number): string =>
  `${isTunnel(family, 'daddr', length)} goto new${family}_${length}`;

export interface PolicyElement {
  readonly set: string;
  readonly element: string;
}

const firstOf = (prefix: Prefix): string => prefix.slice(0, prefix.indexOf('/'));

/** Of one prefix of a tunnel. None for the default policy. */
export function policyElements(policy: Policy, prefix: Prefix): readonly PolicyElement[] {
  if (isDefault(policy)) return [];
  const family: Family = prefix.includes(':') ? 6 : 4;
  const tunnel = firstOf(prefix);
  const bits = policy.presets.reduce((mark, name) => mark | presetBit(name), knownBit);
  const own = policy.rules.length === 0 ? 0 : ownRulesBit;
  const { protocols, ports, sources } = entriesOf(policy.rules, family);
  return [
    { set: policyMap(family), element: `${tunnel} : ${bits | own}` },
    ...protocols.map(({ group, protocol }) => ({
      set: protocolSet(family),
      element: `${tunnel} . ${group} . ${protocol}`,
    })),
    ...ports.map(({ group, protocol, first, size }) => ({
      set: portSet(family, size),
      element: `${tunnel} . ${group} . ${protocol} . ${first}`,
    })),
    ...sources.map(({ block, group }) => ({
      set: sourceMap(family, prefixLength(block)),
      element: `${tunnel} . ${firstOf(block)} : ${group}`,
    })),
  ];
}
