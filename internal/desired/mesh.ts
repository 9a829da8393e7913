// What a node's own configuration wants, so that it stands before any store is reached: the management mesh with its
// first peers, and a closed transport namespace. mesh-peers.ts has the peers that follow the snapshot.

import { type Dataplane, emptyDataplane, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { meshLink } from '#internal/dataplane/ownership.ts';
import { type EdgeSettings, edgeOf } from './edge.ts';
import { keepaliveSeconds } from './keepalive.ts';
import { transportText } from './nft-transport.ts';

export interface MeshPeer {
  readonly publicKey: string;
  readonly endpoint: string;
  readonly address: string;
  /** Of a node that shares this one's endpoint: what else it sends from (ownership.ts). */
  readonly anycastAddress?: string;
}

export interface MeshSettings extends EdgeSettings {
  readonly mesh: Mesh;
}

interface Mesh {
  readonly privateKeyFile: string;
  readonly address: string;
  readonly port: number;
  readonly mtu: number;
  readonly peers: readonly MeshPeer[];
}

const hostLength = (address: string): number => (address.includes(':') ? 128 : 32);
/** One mesh, one connected network: a /64 (RFC 4291 2.5.4) or a /24. */
const networkLength = (address: string): number => (address.includes(':') ? 64 : 24);

/** One peer of the mesh of the node at `own`. */
export function putMeshPeer(own: string, peer: MeshPeer, into: MutableDataplane): void {
  put(into, 'peer', {
    link: meshLink,
    publicKey: peer.publicKey,
    allowedIps: [
      ...(peer.anycastAddress === undefined ? [] : [`${peer.anycastAddress}/32`]),
      `${peer.address}/${hostLength(peer.address)}`,
    ].sort(),
    endpoint: peer.endpoint,
    keepaliveSeconds: keepaliveSeconds(own, peer.address),
  });
}

/** The interface, whatever the store says. */
export function meshDataplane(settings: MeshSettings): Dataplane {
  const { mesh } = settings;
  const made = emptyDataplane();
  // Until a snapshot says more, and only where no ruleset of ours stands yet (applier).
  put(made, 'ruleset', { netns: 'transport', text: transportText(edgeOf(settings), undefined) });
  put(made, 'link', {
    name: meshLink,
    netns: 'transport',
    mtu: mesh.mtu,
    listenPort: mesh.port,
    fwmark: 0,
    privateKeyFile: mesh.privateKeyFile,
  });
  put(made, 'address', {
    netns: 'transport',
    dev: meshLink,
    cidr: `${mesh.address}/${networkLength(mesh.address)}`,
  });
  return made;
}

/** The peers of the node's own file: what the mesh begins with, until the network half says who belongs to it. */
export function firstMeshPeers(mesh: Mesh): Dataplane {
  const made = emptyDataplane();
  for (const peer of mesh.peers) putMeshPeer(mesh.address, peer, made);
  return made;
}
