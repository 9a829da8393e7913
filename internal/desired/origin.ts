// Origin: when a node announces the pools to the internet, as text of its BIRD (adr/0023).
//
// What upstreams hear stands in a table of its own, p44up, beside what the namespace forwards by: whether a pool is
// announced changes no packet's way. A pool comes into it while the loopback of a CORE of another PoP is a route of the
// fabric's, so that a node which is cut off stops by itself.

import { type Node, Plane, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { lastResortOrigin, nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { fromFabric, loopbackOf } from './inner.ts';
import type { View } from './self.ts';

/** Who announces, and by whose loopbacks it knows that it is not alone. */
export interface Origin {
  /** Nodes of the CORE PoPs but this one's, by id. */
  readonly others: readonly Node[];
  /** Of which families it announces without any of them too. */
  readonly lastResort: readonly Family[];
}

const families = [4, 6] as const;
export type Family = (typeof families)[number];
const whole = (family: Family): number => (family === 4 ? 32 : 128);
const symbol = (id: string): string => id.replaceAll('-', '_');

/** O(nodes log nodes + upstreams). */
export function originOf(snapshot: Snapshot, node: Node): Origin {
  const isCore = (popId: string): boolean => snapshot.pops.get(popId)?.record.kind === PopKind.CORE;
  const others = nodesInForce(snapshot).filter(({ popId }) => popId !== node.popId && isCore(popId));
  return { others, lastResort: families.filter((family) => lastResortOrigin(snapshot, family)?.id === node.id) };
}

/** Above that of the pools: one that is a single address is given up as a whole. */
const blackholePreference = 250;
/** Below that of the others, which say that somebody is reached. */
const alonePreference = 50;
/** Of a last resort that is alone: any path of another CORE's is shorter, unless the internet is more than this longer. */
const prepended = 3;

/** Statics of one name hold one route to a prefix: one for each CORE. Unresolved, such a route is `unreachable`. */
const viaText = (other: Node, family: Family, pools: readonly string[]): readonly string[] => [
  `protocol static p44via_${symbol(other.id)}_${family} {`,
  `  igp table p44cores${family}; ipv${family} { table p44via${family}; };`,
  ...pools.map((pool) => `  route ${pool} recursive ${loopbackOf(other, family)};`),
  '}',
];

const resolvedText = (
  view: View,
  others: readonly Node[],
  family: Family,
  pools: readonly string[],
): readonly string[] => [
  // The default route resolves everything: only routes of the fabric to exactly these addresses may.
  `ipv${family} table p44cores${family};`,
  `protocol pipe p44seen${family} {`,
  `  table p44cores${family}; peer table master${family};`,
  `  export none; import where ${fromFabric(view)} && net ~ [ ${others.map((other) => `${loopbackOf(other, family)}/${whole(family)}`).join(', ')} ];`,
  '}',
  `ipv${family} table p44via${family};`,
  ...others.flatMap((other) => viaText(other, family, pools)),
  `protocol pipe p44resolved${family} {`,
  `  table p44via${family}; peer table p44up${family};`,
  // Announced as one's own: with the other CORE as next hop nobody would come here.
  '  import none; export filter { if dest = RTD_UNREACHABLE then reject; dest = RTD_UNREACHABLE; accept; };',
  '}',
];

/** The table of a family's upstream sessions, with the pools that are announced now. */
export function originText(view: View, family: Family): readonly string[] {
  const { origin, pools: all } = view;
  const pools = all.filter((prefix) => prefix.includes(':') === (family === 6));
  const others = origin.others.filter((other) => loopbackOf(other, family) !== '');
  const alone = others.length === 0 || origin.lastResort.includes(family);
  return [
    `ipv${family} table p44up${family};`,
    `protocol pipe p44out${family} {`,
    `  table p44up${family}; peer table master${family};`,
    `  import none; export where net = ${family === 4 ? '0.0.0.0/0' : '::/0'};`,
    '}',
    `protocol pipe p44drop${family} {`,
    `  table p44black${family}; peer table p44up${family};`,
    `  import none; export filter { preference = ${blackholePreference}; accept; };`,
    '}',
    ...(others.length === 0 ? [] : resolvedText(view, others, family, pools)),
    ...(alone
      ? [
          `protocol static p44alone${family} { ipv${family} { table p44up${family}; preference ${alonePreference}; };`,
          ...pools.map((pool) => `  route ${pool} unreachable;`),
          '}',
        ]
      : []),
  ];
}

/** In a session's export: what a last resort says of the pools while it hears no other CORE. Empty: it is none. */
export const whileAlone = ({ origin, node }: View, family: Family): string =>
  origin.lastResort.includes(family) && origin.others.some((other) => loopbackOf(other, family) !== '')
    ? `if proto = "p44alone${family}" then { ${`bgp_path.prepend(${node.asn}); `.repeat(prepended)}} `
    : '';

/** Has upstreams that hear of the pools. */
export const announces = ({ upstreams }: View): boolean => upstreams.some(({ plane }) => plane === Plane.POP);
