// The nftables table of the pop namespace: default drop, in one table of ours. Tunnels come and go as elements of hash
// sets (an interval set re-reads itself on each change: 2 s at 100,000, measured), never as rules.

import { chokeIn, chokeOut, fabricPrefixes, linkPrefix, throughLink } from '#internal/dataplane/ownership.ts';
import { nodeChains } from './nft-node.ts';
import { declarations, isTunnel, openingChain, presetChain, toUnit, unitChains } from './nft-policy.ts';
import { forChoke, haveClass, pastChoke, shapingChains } from './nft-shaping.ts';
import { anyAccess, chain } from './nft-text.ts';
import type { View } from './self.ts';

const families = [4, 6] as const;
type Family = (typeof families)[number];
const ip = (family: Family): string => (family === 4 ? 'ip' : 'ip6');

/**
 * What the internet never carries (RFC 6890, RFC 5771, RFC 4291). Documentation prefixes are not among them: the record
 * of a network may allow these. Of other realms, which have such space, nothing passes the rules of this one.
 */
export const martians = {
  4: [
    ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
    ...['172.16.0.0/12', '192.168.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ],
  6: ['::/128', '::1/128', 'fc00::/7', 'fe80::/10', 'ff00::/8'],
} as const;

/** A rule each: links take turns, and a rotated one carries what the first did. */
const fabric = Object.values(fabricPrefixes).map((prefix) => `"${prefix}*"`);
const outside = `"${linkPrefix}*"`;

/** Ours in a family: pools, and the nodes' loopbacks. */
const ownSpace = (view: View, family: Family): readonly string[] =>
  [...view.pools, ...view.loopbacks].filter((prefix) => prefix.includes(':') === (family === 6));

/** Between the outside and other nodes: only what is for us, or from us. */
function transit(view: View): readonly string[] {
  return families.flatMap((family) => {
    const own = ownSpace(view, family);
    if (own.length === 0) return [];
    const list = `{ ${own.join(', ')} }`;
    return fabric.flatMap((links) => [
      `oifname ${links} ${ip(family)} daddr ${list} accept`,
      `iifname ${links} ${ip(family)} saddr ${list} accept`,
    ]);
  });
}

const uploaded = [`oifname ${anyAccess} goto to_tunnel`, 'accept'];

export function popTable(view: View): string {
  const units = { 4: view.units4, 6: view.units6 };
  const ofUnits = (line: (family: Family, length: number) => readonly string[]): readonly string[] =>
    families.flatMap((family) => units[family].flatMap((length) => line(family, length)));
  const martian = (field: 'saddr' | 'daddr'): readonly string[] =>
    families.map((family) => `${ip(family)} ${field} { ${martians[family].join(', ')} } drop`);
  return [
    ...families.flatMap((family) => declarations(family, units[family])),
    presetChain(),
    ...ofUnits(unitChains),
    ...ofUnits((family, length) => [openingChain(family, length, martians[family])]),
    // A tunnel sends from its own prefixes only, whatever AllowedIPs say, and neither to links nor into the mesh.
    chain(
      'from_tunnel',
      ...ofUnits((family, length) => [`${isTunnel(family, 'saddr', length)} goto open${family}_${length}`]),
      'drop',
    ),
    // The sets of elements, then the rules that the ways of packets share.
    ...shapingChains(view),
    chain(
      'to_tunnel',
      // Not by "invalid": after a move or between two paths, the start of a flow was seen elsewhere.
      'ct state established,related goto received',
      ...ofUnits((family, length) => [toUnit(family, length)]),
      // An address that nobody holds answers at once instead of leading into the dark.
      'reject with icmpx host-unreachable',
    ),
    chain(
      'arrival',
      'type filter hook prerouting priority raw; policy accept;',
      `iifname ${anyAccess} goto mark_up`,
      // Who has a class has its session here, or at the sibling. A look into a set costs half of one for a route (perf, adr/0053).
      ...(view.sibling === undefined ? haveClass(view).map((match) => `${match} accept`) : []),
      // What only passes here takes no room in the kernel's table of flows: a flood for a tunnel elsewhere would fill it.
      `iifname != { "${chokeOut}", "${throughLink}", "lo" } fib daddr oifname != ${anyAccess} fib daddr type != local notrack`,
    ),
    chain('uploaded', ...uploaded),
    // What goes into the choke comes back by its other end, and is judged then.
    chain('choked', `oifname "${chokeIn}" goto shape_up`, `${pastChoke} drop`, ...uploaded),
    // Sources are looked up packet by packet: AllowedIPs that another hand has widened must not do for flows that are open.
    chain('upload', 'jump from_tunnel', `${forChoke} goto choked`, ...uploaded),
    chain('from_outside', ...martian('saddr')),
    chain('to_outside', ...martian('daddr')),
    chain(
      'forward',
      'type filter hook forward priority filter; policy drop;',
      // Both ways: the only cure for a path that swallows "packet too big" (it only ever lowers).
      'tcp flags syn / syn,rst tcp option maxseg size set rt mtu',
      // What tunnels send and receive is nearly all that a node forwards: each kind of way has its own few rules.
      `iifname ${anyAccess} goto upload`,
      // Their flows' first packets went the whole way.
      `oifname ${anyAccess} ct state established,related goto received`,
      // The same of the sibling, while sessions go from one to the other: it has let it out already, and knows no better than we.
      `iifname "${throughLink}" goto upload`,
      // Where it goes was looked at when it left the tunnel.
      `iifname "${chokeOut}" goto uploaded`,
      `iifname != ${outside} jump from_outside`,
      `oifname ${anyAccess} goto to_tunnel`,
      `oifname != ${outside} jump to_outside`,
      ...transit(view),
    ),
    ...nodeChains(view),
  ].join('\n');
}
