// Desired: what one node should hold, as a pure function of the snapshot, the node, and which tunnels are live here.
//
// On the path: a snapshot comes in, a Dataplane goes out to plan. The frame (links, addresses, rulesets, BIRD) is
// small and made anew whenever the fabric changes; tunnels are parts of O(1) each, so that a change of one tunnel
// never costs a walk over all.
// Never: touches the world, reads a clock, remembers anything.

import { type Dataplane, emptyDataplane, type MutableDataplane } from '#internal/dataplane/dataplane.ts';
import { carryingPops, type Snapshot, servedPop } from '#internal/model/model.ts';
import { accessLinksOf, reachedBy } from './access-links.ts';
import { anycast } from './anycast.ts';
import { bird } from './bird.ts';
import { ip } from './ip.ts';
import { legsOf } from './legs.ts';
import { type MeshPeer, putMeshPeer } from './mesh.ts';
import { meshPeers } from './mesh-peers.ts';
import { nft } from './nft.ts';
import { type Self, type View, viewOf } from './self.ts';
import { shaping } from './shaping.ts';
import { pair, siblingOf } from './sibling.ts';
import { type Carrier, tunnel } from './tunnel.ts';
import { wireguard } from './wireguard.ts';

export { groupNodes } from './anycast.ts';
export { routingChange, routingsReady } from './both-routings.ts';
export { edgeOf } from './edge.ts';
export { announcedEndpoint } from './endpoint.ts';
export { nextSessions } from './next-sessions.ts';
// The words of the rulesets, for whoever reads back what they do with a packet (explain).
export { ownRulesBit, policyMap, portSet, presetBit, protocolSet, sourceMap, tunnelSet } from './nft-policy.ts';
export { martians } from './nft-pop.ts';
export { classMap, type Direction, paceMap, shapedSet, sparesClasses, waitingClass } from './nft-shaping.ts';
export { type PathEnds, pathsOf } from './paths.ts';
export { type Refusal, refusalsOf } from './refusals.ts';
export type { Self, View } from './self.ts';
export type { Carrier } from './tunnel.ts';

/** Ids of tunnels that are live on this node. */
export interface Here {
  has(tunnelId: string): boolean;
  /** Number of the class that a tunnel has while it has a session here. */
  classOf?(tunnelId: string): number | undefined;
  /** Access interface of its newest handshake on this node. */
  linkOf?(tunnelId: string): string | undefined;
  /** Which of its moves brought it here. */
  sequenceOf?(tunnelId: string): number | undefined;
  /** It came from a node that may announce it still. */
  contended?(tunnelId: string): boolean;
}

/** @param members of the management mesh, whom the firewall lets manage this node */
function view(snapshot: Snapshot, self: Self, members: readonly MeshPeer[]): View | undefined {
  const edge = self.edge && { ...self.edge, mesh: { ...self.edge.mesh, peers: members } };
  return viewOf(snapshot, { ...self, ...(edge && { edge }) }, (node) => legsOf(snapshot, node, self));
}

/** Id of the node that shares this one's PoP and endpoint; undefined: it has none. */
export function siblingOfNode(snapshot: Snapshot, nodeId: string): string | undefined {
  const node = snapshot.nodes.get(nodeId)?.record;
  return node === undefined ? undefined : siblingOf(snapshot, node)?.node.id;
}

/** Whether two nodes of different PoPs have one endpoint and one key. */
export function shareEndpoint(snapshot: Snapshot, id: string, other: string): boolean {
  const [near, far] = [id, other].map((each) => snapshot.nodes.get(each)?.record);
  if (near === undefined || far === undefined || near.popId === far.popId) return false;
  return carryingPops(snapshot, [near.popId]).includes(far.popId);
}

/** What the pop namespace's part of a frame is made of, or undefined while the snapshot does not know the node. */
export const viewOfNode = (snapshot: Snapshot, self: Self): View | undefined => view(snapshot, self, []);

/** Everything but tunnels; the management mesh alone while the snapshot does not know this node. */
export function frame(snapshot: Snapshot, self: Self): MutableDataplane {
  const made = emptyDataplane();
  const members = meshPeers(snapshot, self);
  if (self.mesh !== undefined) for (const peer of members) putMeshPeer(self.mesh.address, peer, made);
  const seen = view(snapshot, self, members);
  if (seen === undefined) return made;
  for (const mechanism of [wireguard, ip, shaping, nft, bird, pair, anycast]) mechanism(seen, made);
  return made;
}

/** What tunnels of this node share, or undefined while the snapshot does not know the node. */
export function carrierOf(snapshot: Snapshot, self: Self): Carrier | undefined {
  const node = snapshot.nodes.get(self.nodeId)?.record;
  const internet = snapshot.realms.get('internet')?.record;
  const pop = node === undefined ? undefined : snapshot.pops.get(node.popId)?.record;
  if (node === undefined || internet === undefined || pop === undefined) return undefined;
  const popIds = carryingPops(snapshot, [node.popId]);
  return {
    nodeId: node.id,
    popId: node.popId,
    popIds,
    internetTable: internet.table,
    accessLinks: accessLinksOf(servedPop(snapshot, pop)),
  };
}

/** Access interface by which a tunnel is reached; undefined while the snapshot does not know the node. */
export const linkOf = (carrier: Carrier | undefined, here: Here, tunnelId: string): string | undefined =>
  carrier && reachedBy(carrier.accessLinks, here.linkOf?.(tunnelId));

/** What the parts of all tunnels of a node are made from. */
export interface PartSource {
  readonly snapshot: Snapshot;
  readonly carrier: Carrier | undefined;
  readonly here: Here;
}

/** The part of one tunnel; nothing when the snapshot has no such tunnel. */
export function part({ snapshot, carrier, here }: PartSource, tunnelId: string, into: MutableDataplane): void {
  const record = snapshot.tunnels.get(tunnelId)?.record;
  if (record === undefined || carrier === undefined) return;
  const of = {
    here: here.has(tunnelId),
    classNumber: here.classOf?.(tunnelId),
    link: here.linkOf?.(tunnelId),
    sequence: here.sequenceOf?.(tunnelId),
    contended: here.contended?.(tunnelId) ?? false,
  };
  tunnel(snapshot, record, { ...carrier, ...of }, into);
}

/** The whole dataplane of a node: the frame and all parts. */
export function desired(snapshot: Snapshot, self: Self, here: Here): Dataplane {
  const made = frame(snapshot, self);
  const source = { snapshot, carrier: carrierOf(snapshot, self), here };
  for (const id of snapshot.tunnels.keys()) part(source, id, made);
  return made;
}
