// Network: namespaces, cables, addresses, routes and NATs of the world around pop44.

import { run } from '#internal/exec/exec.ts';
import { execOnMachine } from './machines.ts';
import { netnsFile } from './places.ts';
import {
  accesses,
  cables,
  lanBridge,
  machines,
  natRouters,
  routers,
  staticRoutes,
  worldNamespaces,
} from './topology.ts';
import type { AccessName, Cable, CableEnd, LabNode } from './topology.ts';

const batch = (lines: readonly string[], netns?: string) =>
  run({
    file: 'ip',
    args: ['-batch', '-'],
    input: `${lines.join('\n')}\n`,
    ...(netns === undefined ? {} : { netns: netnsFile(netns) }),
  });

const cableLine = ([a, b]: Cable): string =>
  `link add ${a.dev} netns ${a.netns} type veth peer name ${b.dev} netns ${b.netns}`;

/** Of the internet's router: a bridge that joins the uplinks of a pair on a LAN, and its own address there. */
function lanLines(nodes: readonly LabNode[]): readonly string[] {
  const ports = nodes.filter((node) => node.lan === true);
  const [first] = ports;
  if (first === undefined) return [];
  return [
    `link add ${lanBridge} type bridge`,
    `addr add ${first.transportGateway4}/24 dev ${lanBridge}`,
    `link set ${lanBridge} up`,
    `addr add ${first.transportGateway6}/64 dev ${lanBridge} nodad`,
    ...ports.map(({ transport }) => `link set ${transport} master ${lanBridge}`),
  ];
}

// nodad: duplicate address detection would keep an IPv6 address from being used for a second (RFC 4862 5.4).
const endLines = (end: CableEnd): readonly string[] => [
  ...end.addresses.map((address) => `addr add ${address} dev ${end.dev}${address.includes(':') ? ' nodad' : ''}`),
  `link set ${end.dev} up`,
];

// Without duplicate address detection on link-local addresses either: a router whose own is still tentative forwards no
// IPv6 for 1-2 s [measured]. Set before there are links.
const worldSysctls = ['net.ipv6.conf.default.accept_dad=0', 'net.ipv6.conf.default.dad_transmits=0'];
const routerSysctls = [
  ...['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv4.fib_multipath_hash_policy=1'],
];

// A stranger's packet does not get in, over either family: that is what a tunnel is for.
const natRules = `
table ip nat {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "wan" masquerade fully-random
  }
}
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan" accept
  }
}
`;

// What no transit carries (RFC 6890), so that a leak past a NAT or out of a realm is lost and seen.
const transitRules = `
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ip saddr { 10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 } counter drop
    ip6 saddr fc00::/7 counter drop
  }
}
`;

const nft = (netns: string, text: string) =>
  run({ file: 'nft', args: ['-f', '-'], input: text, netns: netnsFile(netns) });

const sysctl = (netns: string, settings: readonly string[]) =>
  run({ file: 'sysctl', args: ['-qw', ...settings], netns: netnsFile(netns) });

export const namespacesOf = (nodes: readonly LabNode[]): readonly string[] =>
  machines(nodes).flatMap((machine) => machine.namespaces);

/** Raises everything that stands before pop44 does. Wants an own network and mount namespace with a writable /run. */
export async function raiseNetwork(nodes: readonly LabNode[]): Promise<void> {
  const namespaces = namespacesOf(nodes);
  const drawn = cables(nodes);
  const routes = staticRoutes(nodes);
  await batch(['link set lo up', ...namespaces.map((name) => `netns add ${name}`)]);
  await Promise.all(
    worldNamespaces.map((netns) =>
      sysctl(netns, routers.some((router) => router === netns) ? [...worldSysctls, ...routerSysctls] : worldSysctls),
    ),
  );
  await batch(drawn.map(cableLine));
  const lan = lanLines(nodes);
  if (lan.length > 0) await batch(lan, 'inet');
  await Promise.all(
    namespaces.map((netns) =>
      batch(
        [
          'link set lo up',
          ...drawn
            .flat()
            .filter((end) => end.netns === netns)
            .flatMap(endLines),
          ...routes.filter((route) => route.netns === netns).map((route) => `route add ${route.to} via ${route.via}`),
        ],
        netns,
      ),
    ),
  );
  await Promise.all([...natRouters.map((netns) => nft(netns, natRules)), nft('inet', transitRules)]);
}

/**
 * Plugs the client into an access network, then out of the other, as a laptop's own network configuration does. Its
 * tunnels are not touched. Idempotent.
 *
 * The old plug's address stays on the interface that is down: wireguard-go finds its new way by asking for the route
 * from its old address. Where that is gone, Linux 6.18 says "unreachable" and wireguard-go sits out its 15 s until the
 * next handshake, which kernel WireGuard does not [measured, wireguard-go 0.0.20220316].
 */
export async function moveClient(to: AccessName, exec: typeof execOnMachine = execOnMachine): Promise<void> {
  const next = accesses[to];
  const others = Object.values(accesses).filter((access) => access !== next);
  const lines = [
    `link set ${next.dev} up`,
    `addr replace ${next.address4} dev ${next.dev}`,
    `addr replace ${next.address6} dev ${next.dev} nodad`,
    `route replace default via ${next.gateway4} dev ${next.dev}`,
    `route replace default via ${next.gateway6} dev ${next.dev}`,
    ...others.map((access) => `link set ${access.dev} down`),
  ];
  await exec('client', ['ip', '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
