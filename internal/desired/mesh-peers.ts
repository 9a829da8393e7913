// Mesh peers: who belongs to the management mesh. The nodes of the snapshot, and those of the node's own file that the
// snapshot does not know yet: a network is built node by node over this very mesh. A node that was revoked is known, and out.

import { anycastAddress, anycastNumber } from '#internal/dataplane/ownership.ts';
import { type Node, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { nodesInForce, type Snapshot } from '#internal/model/model.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { groupNodes } from './anycast.ts';
import type { MeshPeer } from './mesh.ts';
import type { Self } from './self.ts';

/** O(nodes). One for each key: the record's where there is one, else that of the file. */
export function meshPeers(snapshot: Snapshot, { nodeId, mesh }: Self): readonly MeshPeer[] {
  if (mesh === undefined) return [];
  const peers = new Map<string, MeshPeer>();
  const known = new Set([...snapshot.nodes.values()].map(({ record }) => record.meshAddress));
  // One key is one peer: an address moved to another node by hand must not take the key of a node that is out with it.
  const out = new Set(
    [...snapshot.nodes.values()].flatMap(({ record }) =>
      record.revokedAt === undefined ? [] : [record.meshPublicKey],
    ),
  );
  for (const peer of mesh.peers)
    if (!known.has(peer.address) && !out.has(peer.publicKey)) peers.set(peer.publicKey, peer);
  const near = snapshot.nodes.get(nodeId)?.record;
  const group = near === undefined ? [] : groupNodes(snapshot, near);
  const anycastOf = new Map(group.map(({ id, asn }) => [id, anycastAddress(anycastNumber(asn))]));
  for (const node of nodesInForce(snapshot)) {
    const peer = node.id === nodeId ? undefined : meshPeerOf(snapshot, near, node);
    const filed = peer ?? mesh.peers.find(({ address }) => node.id !== nodeId && address === node.meshAddress);
    const shared = anycastOf.get(node.id);
    if (filed !== undefined)
      peers.set(filed.publicKey, shared === undefined ? filed : { ...filed, anycastAddress: shared });
  }
  return [...peers.values()];
}

/** Undefined for a node that is not trusted, and where the two share no family. */
function meshPeerOf(snapshot: Snapshot, near: Node | undefined, node: Node): MeshPeer | undefined {
  const kind = snapshot.pops.get(node.popId)?.record.kind;
  if (kind !== PopKind.CORE && kind !== PopKind.REGIONAL) return undefined;
  if (node.meshAddress === '' || node.meshPublicKey === '' || node.meshPort === 0) return undefined;
  const by4 = node.underlay4 !== '' && (near === undefined || near.underlay4 !== '');
  const by6 = node.underlay6 !== '' && (near === undefined || near.underlay6 !== '');
  if (!by4 && !by6) return undefined;
  const endpoint = endpointAt(by4 ? node.underlay4 : node.underlay6, node.meshPort);
  return { publicKey: node.meshPublicKey, endpoint, address: node.meshAddress };
}
