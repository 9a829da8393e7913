// What a node's own configuration wants, so that it stands before any store is reached: the management mesh, and a
// closed transport namespace.

import { type Dataplane, emptyDataplane, put } from '#internal/dataplane/dataplane.ts';
import { meshLink } from '#internal/dataplane/ownership.ts';
import { type EdgeSettings, edgeOf } from './edge.ts';
import { keepaliveSeconds } from './keepalive.ts';
import { transportText } from './nft-transport.ts';

export interface MeshSettings extends EdgeSettings {
  readonly mesh: Mesh;
}

interface Mesh {
  readonly privateKeyFile: string;
  readonly address: string;
  readonly port: number;
  readonly mtu: number;
  readonly peers: readonly { readonly publicKey: string; readonly endpoint: string; readonly address: string }[];
}

const hostLength = (address: string): number => (address.includes(':') ? 128 : 32);
/** One mesh, one connected network: a /64 (RFC 4291 2.5.4) or a /24. */
const networkLength = (address: string): number => (address.includes(':') ? 64 : 24);

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
  for (const peer of mesh.peers)
    put(made, 'peer', {
      link: meshLink,
      publicKey: peer.publicKey,
      allowedIps: [`${peer.address}/${hostLength(peer.address)}`],
      endpoint: peer.endpoint,
      keepaliveSeconds: keepaliveSeconds(mesh.address, peer.address),
    });
  return made;
}
