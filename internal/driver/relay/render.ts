// Render: the link of a relay as lines of `ip -batch`, and what is sent by it as tables of nftables.

import { isIP } from 'node:net';
import {
  accessFwmark,
  endpointTable,
  nftTable,
  relayFwmark,
  relayLink,
  relayNetwork,
  vxlanPort,
} from '#internal/dataplane/ownership.ts';
import { demand, isInteger } from '#internal/driver/driver.ts';
import type { RelayMode } from './relay.ts';

export interface RelayEnds {
  /** Addresses of the two ends of the way to the other node, of one family. */
  readonly own: string;
  readonly far: string;
  /** Of the two ends: which one this is does not matter, as long as the other is the other. */
  readonly first: boolean;
}

export interface RelayPlace extends RelayEnds {
  /** The addresses that both nodes have, of either family. */
  readonly endpoints: readonly string[];
  /** UDP ports of WireGuard there. */
  readonly ports: readonly number[];
}

/** Of a move that nobody ends: longer than the longest one (takeover/move.ts: 3, 40 and 3 s), and bounded whoever dies. */
const relaySeconds = 90;
/** Before the gate for handshakes (raw, -300), which drops and whose sets belong to who answers; after defragmentation. */
const priority = -310;
/** Type 1 of WireGuard's messages, with three zero bytes (paper, 5.4.2). */
const initiation = '@th,64,32 0x01000000';
/** Type 2 (5.4.3). */
const response = '@th,64,32 0x02000000';
/** Longer than WireGuard takes to call again: REKEY_TIMEOUT, 5 s, and up to a third of one. */
const answeredSeconds = 7;
/** As many as a device holds peers. */
const mostCalled = 65_536;

/** UDP by number: the names are the machine's (/etc/protocols). */
const standing = 'meta l4proto @standing';

/** Locally administered (IEEE 802, 8.2.1): with these nobody has to be asked, and nothing waits for an answer. */
const mac = (number: 1 | 2): string => `02:44:00:00:01:0${number}`;
export const numbersOf = ({ first }: RelayEnds): readonly [own: 1 | 2, far: 1 | 2] => (first ? [1, 2] : [2, 1]);

/** A VXLAN link to the sibling, and what the two are called on it (IPv6: not as interconnects are, `linkLocals`). */
export interface Near {
  readonly link: string;
  readonly network: number;
  readonly near4: (number: 1 | 2) => string;
  readonly near6: (number: 1 | 2) => string;
}
const relayed: Near = {
  ...{ link: relayLink, network: relayNetwork },
  near4: (number) => `169.254.44.${number}`,
  near6: (number) => `fe80::46:${number}`,
};

/** Whoever hears it was sent it by a neighbour (RFC 5082): what came from farther is not let in (desired/nft-transport.ts). */
const farthest = 255;

/** Behind the access interface's own (desired/ip.ts). */
const rulePriority = 4401;
/** Routing protocol of the rule: none of ours, so that it is not looked at by a comparison. */
export const ruleProtocol = 'static';

/** What leaves by the link is as large as what came in (RFC 7348 4.3 lets the way between the ends cut it in pieces). */
const mtu = 1500;

const rule = `fwmark ${relayFwmark} table ${endpointTable} priority ${rulePriority} protocol ${ruleProtocol}`;

/** Lines that take away what `addLink` made, each whether it is there or not. */
export const removeLink: readonly string[] = [`link del dev ${relayLink}`, `rule del ${rule}`];

/** Where its UDP is asked for, which is not always where it stands. @throws Fault `invalid` */
export function vxlan({ own, far, first }: RelayEnds, { link, network }: Near, netns?: string): string {
  for (const address of [own, far]) demand(isIP(address) !== 0, 'an address', address);
  demand(isIP(own) === isIP(far), 'an address of the same family as the own one', far);
  const [near] = numbersOf({ own, far, first });
  const there = netns === undefined ? '' : ` netns ${netns}`;
  return `link add ${link} mtu ${mtu} address ${mac(near)}${there} type vxlan id ${network} local ${own} remote ${far} dstport ${vxlanPort} ttl ${farthest} nolearning`;
}

/** Where it stands. */
export function neighbours(ends: RelayEnds, { link, near4, near6 }: Near): readonly string[] {
  const [near, other] = numbersOf(ends);
  return [
    `link set dev ${link} addrgenmode none up`,
    // Of the link's own scope: addresses of ours with a wider one are the plan's.
    `address add ${near4(near)}/30 dev ${link} scope link`,
    `address add ${near6(near)}/64 dev ${link} nodad`,
    `neighbour replace ${near4(other)} lladdr ${mac(other)} dev ${link} nud permanent`,
    `neighbour replace ${near6(other)} lladdr ${mac(other)} dev ${link} nud permanent`,
  ];
}

/** @throws Fault `invalid` */
export const addLink = (place: RelayPlace): readonly string[] => [
  vxlan(place, relayed),
  ...neighbours(place, relayed),
  `rule add ${rule}`,
];

const families = [4, 6] as const;
/** `dup` is in no table for both families. */
const tableOf = (family: 4 | 6): string => `${family === 4 ? 'ip' : 'ip6'} ${nftTable}relay`;

/** Whether they stand or not. */
export const closing = families
  .map((family) => `table ${tableOf(family)}; delete table ${tableOf(family)};\n`)
  .join('');

/**
 * wireguard-go answers by the interface that it was called by (pktinfo), which for IPv4 means: to a neighbour there (for IPv6 it
 * is no more than a wish). What it sends gets a way by the tables instead, and its mark back before the fence looks at it.
 */
const answering: readonly string[] = [
  'chain answering {',
  'type route hook output priority mangle; policy accept;',
  `oifname "${relayLink}" meta mark ${accessFwmark} meta mark set ${relayFwmark}`,
  '}',
  'chain answered {',
  'type filter hook output priority -149; policy accept;',
  `meta mark ${relayFwmark} meta mark set ${accessFwmark}`,
  '}',
];

/**
 * Of the node that comes: who has answered its call is not called again. WireGuard arms its timer after it has sent an initiation,
 * and where the answer was faster than that (a busy machine, measured) it calls anew 5 s later. The client keeps two sessions
 * (paper 6.1): then both are this node's, and what the other one still sends to it is lost.
 */
function calledOnce(of: 4 | 6, arriving: string): readonly string[] {
  const name = of === 4 ? 'ip' : 'ip6';
  const type = `type ipv${of}_addr . inet_service; size ${mostCalled}; flags dynamic,timeout;`;
  const [from, to] = [`${name} saddr . udp sport`, `${name} daddr . udp dport`];
  return [
    `set called { ${type} timeout ${relaySeconds}s; }`,
    `set answered { ${type} timeout ${answeredSeconds}s; }`,
    'chain answers {',
    `type filter hook prerouting priority ${priority - 1}; policy accept;`,
    `${arriving} ${response} ${from} @called add @answered { ${from} }`,
    '}',
    'chain calling {',
    'type filter hook output priority filter; policy accept;',
    `meta mark ${accessFwmark} ${standing} ${initiation} ${to} @answered update @answered { ${to} } drop`,
    `meta mark ${accessFwmark} ${standing} ${initiation} add @called { ${to} }`,
    '}',
  ];
}

function family(of: 4 | 6, place: RelayPlace, mode: RelayMode): string {
  const [, other] = numbersOf(place);
  const to = of === 4 ? relayed.near4(other) : relayed.near6(other);
  const ports = `udp dport { ${place.ports.join(', ')} }`;
  const name = of === 4 ? 'ip' : 'ip6';
  const arriving = place.endpoints
    .filter((endpoint) => isIP(endpoint) === of && mode !== 'kept')
    .map((endpoint) => `${standing} ${name} daddr ${endpoint} ${ports}`);
  const handed = mode === 'handed';
  return [
    `table ${tableOf(of)} {`,
    `set standing { type inet_proto; size 4; flags timeout; timeout ${relaySeconds}s; elements = { 17 }; }`,
    'chain both {',
    ...(handed ? [] : [`${initiation} accept`]),
    `dup to ${to} device "${relayLink}"`,
    // A client has a session with who answers last: that must not be the one that is about to go.
    ...(handed ? [`${initiation} drop`] : []),
    '}',
    'chain arriving {',
    `type filter hook prerouting priority ${priority}; policy accept;`,
    `iifname "${relayLink}" accept`,
    ...arriving.map((which) => `${which} goto both`),
    '}',
    ...(mode === 'copied' && arriving.length > 0 ? calledOnce(of, `${standing} ${ports}`) : []),
    ...(of === 4 ? answering : []),
    ...(handed
      ? [
          'chain leaving {',
          'type filter hook output priority filter; policy accept;',
          `meta mark ${accessFwmark} ${standing} ${initiation} drop`,
          '}',
        ]
      : []),
    '}',
    '',
  ].join('\n');
}

/** Takes the place of what stood before in one transaction. @throws Fault `invalid` */
export function relayText(place: RelayPlace, mode: RelayMode): string {
  for (const endpoint of place.endpoints) demand(isIP(endpoint) !== 0, 'an address', endpoint);
  for (const port of place.ports) demand(isInteger(port, 1, 65535), 'a port', port);
  demand(place.ports.length > 0, 'one port at least', place.ports.length);
  return `${closing}${families.map((of) => family(of, place, mode)).join('')}`;
}
