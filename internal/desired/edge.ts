// Edge: what a node's own configuration says of its transport namespace, whatever the store says: who may manage it,
// and what its operator runs there.

/** Something of the operator's own that answers in the transport namespace. */
export interface HostService {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  /** Prefixes; absent: everybody. */
  readonly sources?: readonly string[];
}

export interface Edge {
  readonly mesh: {
    readonly address: string;
    readonly port: number;
    readonly peers: readonly { readonly address: string; readonly endpoint: string }[];
  };
  /** TCP ports that answer members of the mesh: the API, metrics, etcd's two. */
  readonly managementPorts: readonly number[];
  readonly hostServices: readonly HostService[];
  /** Where machines ask to join and people call, `198.18.1.2:4441`: what of ours strangers reach by TCP. */
  readonly strangersAddresses: readonly string[];
}

/** Of node.json (internal/config); this package knows no files. */
export interface EdgeSettings {
  readonly mesh: Edge['mesh'];
  readonly api: { readonly port: number; readonly public?: readonly string[] };
  readonly metrics: { readonly port: number };
  readonly etcd: { readonly endpoints: readonly string[]; readonly peerPort?: number };
  readonly hostServices?: readonly HostService[];
  readonly join?: { readonly listen: readonly string[] };
}

/** etcd's own (IANA: etcd-server). */
const usualPeerPort = 2380;
/** Whoever has said nothing keeps the way in by which he came (IANA: ssh). */
const usualHostServices: readonly HostService[] = [{ protocol: 'tcp', port: 22 }];

/** `https://[fd44:44::1]:2379` */
function urlOf(endpoint: string): { readonly host: string; readonly port: number } | undefined {
  const found = /^https?:\/\/\[?([^\]/]+?)\]?:(\d+)\/?$/.exec(endpoint);
  return found === null ? undefined : { host: found[1] ?? '', port: Number(found[2]) };
}

export function edgeOf({ mesh, api, metrics, etcd, hostServices, join }: EdgeSettings): Edge {
  const own = etcd.endpoints.flatMap((endpoint) => {
    const url = urlOf(endpoint);
    return url?.host === mesh.address ? [url.port] : [];
  });
  const ports = new Set([
    api.port,
    metrics.port,
    ...(own.length === 0 ? [] : [...own, etcd.peerPort ?? usualPeerPort]),
  ]);
  return {
    mesh: { address: mesh.address, port: mesh.port, peers: mesh.peers },
    managementPorts: [...ports].sort((a, b) => a - b),
    hostServices: hostServices ?? usualHostServices,
    strangersAddresses: [...(join?.listen ?? []), ...(api.public ?? [])],
  };
}
