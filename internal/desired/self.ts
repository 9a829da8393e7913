// Self: the node for which a dataplane is desired, and everything of the snapshot that its parts look at.

import type { Interconnect, Node, Pop, Realm, Slab, Upstream } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot, servedPop, slabStands, standingPools } from '#internal/model/model.ts';
import { contains, type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import type { Share } from '#internal/verdict/verdict.ts';
import { type AccessLinks, accessLinksOf } from './access-links.ts';
import { groupNodes } from './anycast.ts';
import type { Community } from './community.ts';
import type { Edge } from './edge.ts';
import type { MeshPeer } from './mesh.ts';
import { type Origin, originOf } from './origin.ts';
import { type Inner, innerOf, type Speech } from './routing.ts';
import { type Sibling, siblingOf } from './sibling.ts';

/** What a node knows of itself without the store. */
export interface Self {
  readonly nodeId: string;
  /** File with the private key of the PoP's access interface, for a PoP whose record has none sealed. */
  readonly accessKeyFile?: string;
  /** File with the private key of this node's ends of interconnects. */
  readonly interconnectKeyFile: string;
  /** What the files of those that the node has made itself begin with; absent: as that one. */
  readonly madeKeyBase?: string;
  /** Absent: nobody manages this node by the network. */
  readonly edge?: Edge;
  /** The management mesh as the node's own file has it. Absent: this node has no place on it. */
  readonly mesh?: { readonly address: string; readonly peers: readonly MeshPeer[] };
  /** What paths are worth, by the name of their link; absent, or one that is not there: a full share. */
  readonly shares?: ReadonlyMap<string, Share>;
}

/** One end of an interconnect as this node sees it. */
export interface Leg extends Speech {
  readonly interconnect: Interconnect;
  readonly link: string;
  /** Which of the interconnect's two links it is an end of. */
  readonly turn: 'i' | 'j';
  /** File of the key of this end, and key of the other. */
  readonly keyFile: string;
  readonly farKey: string;
  /** Beside another one that is to carry everything, as soon as it can. */
  readonly leaving: boolean;
  readonly far: Node;
  /** One of the two ends is a club's. */
  readonly community?: Community;
  readonly listenPort: number;
  readonly farPort: number;
  /** Of the far end in the underlay; empty: the two nodes share no family there. */
  readonly farUnderlay: string;
  /** Own and far address of the /31 and the /127, without length. */
  readonly own4: string;
  readonly far4: string;
  readonly own6: string;
  readonly far6: string;
  /** Own link-local address, without length: OSPF speaks by it. */
  readonly linkLocal: string;
}

export interface View {
  readonly self: Self;
  readonly node: Node;
  /** As its clients meet it: in an anycast group, with the group's endpoint and key. */
  readonly pop: Pop;
  /** Nodes of other PoPs with the same endpoint and key. */
  readonly group: readonly Node[];
  readonly internet: Realm;
  /** With the current key, and while that is rotated with the next. */
  readonly accessLinks: AccessLinks;
  readonly legs: readonly Leg[];
  readonly upstreams: readonly Upstream[];
  /** Prefixes of the realm internet's pools, sorted; not of delegations, which lie in them. */
  readonly pools: readonly string[];
  /** Loopbacks of all nodes as prefixes, sorted. */
  readonly loopbacks: readonly string[];
  /** ASNs of nodes whose id is lower than this one's, sorted. */
  readonly lowerAsns: readonly number[];
  /** What this PoP is home to, sorted: slabs, and delegations as a whole. */
  readonly homes: readonly string[];
  /** Unit lengths in use in the realm, by family, sorted: one hash set of tunnels each. */
  readonly units4: readonly number[];
  readonly units6: readonly number[];
  /** Addresses inside these pools that are given up, as prefixes, sorted. */
  readonly blackholes: readonly string[];
  readonly origin: Origin;
  /** Its part in OSPF, where trusted nodes speak that. */
  readonly inner?: Inner;
  /** The PoP's other node, where the two are a pair. */
  readonly sibling?: Sibling;
}

export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const byNumber = (a: number, b: number): number => a - b;
const isIpv6 = (prefix: string): boolean => prefix.includes(':');

export const sortedRecords = <T>(records: Iterable<{ readonly record: T }>, id: (record: T) => string): readonly T[] =>
  [...records].map((stored) => stored.record).sort((a, b) => byText(id(a), id(b)));

function stands(snapshot: Snapshot, slab: Slab): boolean {
  const prefix = parsePrefix(slab.prefix);
  return typeof prefix === 'string' && slabStands(snapshot, slab.poolId, prefix)?.record === slab;
}

/** What is in no pool of ours is nobody's to give up, whoever wrote the record. */
function blackholesIn(snapshot: Snapshot, pools: readonly string[]): readonly string[] {
  const prefixes = [...snapshot.blackholes.values()].map(({ record }) => record.prefix as Prefix);
  return prefixes.filter((prefix) => pools.some((pool) => contains(pool as Prefix, prefix))).sort(byText);
}

/** Everything that this node's frame is made of, or undefined while the snapshot does not know the node. */
export function viewOf(snapshot: Snapshot, self: Self, legsOf: (node: Node) => readonly Leg[]): View | undefined {
  const node = snapshot.nodes.get(self.nodeId)?.record;
  const own = node === undefined ? undefined : snapshot.pops.get(node.popId)?.record;
  const internet = snapshot.realms.get('internet')?.record;
  if (node === undefined || own === undefined || internet === undefined) return undefined;
  const pop = servedPop(snapshot, own);
  // One that overlaps an older pool, as only a hand writes it, is neither announced nor cut from.
  const standing = standingPools(snapshot);
  const pools = sortedRecords(snapshot.pools.values(), (p) => p.prefix).filter(
    (p) => p.realmId === internet.id && standing.has(p.id),
  );
  const roots = pools.filter((pool) => pool.parentPoolId === '').map((pool) => pool.prefix);
  // The internet hears of the pool around a delegation; the fabric, of who is home to it.
  const delegations = pools.filter((pool) => pool.parentPoolId !== '' && pool.homePopId === pop.id);
  const homes = new Set(delegations.map(({ prefix }) => prefix));
  const covered = new Set(delegations.map((pool) => pool.id));
  const poolIds = new Set(pools.map((pool) => pool.id));
  const units = { 4: new Set<number>(), 6: new Set<number>() };
  for (const { record: slab } of snapshot.slabs.values()) {
    const isHome = slab.homePopId === pop.id && !covered.has(slab.poolId);
    const unitsOf = units[isIpv6(slab.prefix) ? 6 : 4];
    // Whether a slab stands is asked where it makes a difference: of thousands, for those at home.
    if (!isHome && unitsOf.has(slab.unitLength)) continue;
    if (!poolIds.has(slab.poolId) || slab.delegatedPoolId !== '' || !stands(snapshot, slab)) continue;
    unitsOf.add(slab.unitLength);
    if (isHome) homes.add(slab.prefix);
  }
  const sibling = siblingOf(snapshot, node);
  const inner = innerOf(snapshot, node);
  return {
    self,
    node,
    pop,
    group: groupNodes(snapshot, node),
    internet,
    accessLinks: accessLinksOf(pop),
    legs: legsOf(node),
    upstreams: sortedRecords(snapshot.upstreams.values(), (u) => u.id).filter((u) => u.nodeId === node.id),
    pools: roots,
    loopbacks: nodesInForce(snapshot).flatMap((n) => [
      ...(n.loopback4 === '' ? [] : [`${n.loopback4}/32`]),
      ...(n.loopback6 === '' ? [] : [`${n.loopback6}/128`]),
    ]),
    lowerAsns: nodesInForce(snapshot)
      .flatMap((n) => (n.id < node.id && n.asn > 0 ? [n.asn] : []))
      .sort(byNumber),
    homes: [...homes].sort(byText),
    units4: [...units[4]].sort(byNumber),
    units6: [...units[6]].sort(byNumber),
    blackholes: blackholesIn(snapshot, roots),
    origin: originOf(snapshot, node),
    ...(inner !== undefined && { inner }),
    ...(sibling !== undefined && { sibling }),
  };
}
