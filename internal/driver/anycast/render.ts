// Render: the link between nodes that share an endpoint as lines of `ip -batch` and `bridge -batch`, and what is sent by it as
// two tables of nftables (`dup` is in no table of both families).

import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import type { Anycast } from '#internal/dataplane/dataplane.ts';
import {
  accessFwmark,
  anycastAddress,
  anycastFwmark,
  anycastHops,
  anycastLink,
  anycastMac,
  anycastNetwork,
  meshLink,
  mostAnycastNumber,
  nftTable,
  vxlanPort,
} from '#internal/dataplane/ownership.ts';
import { demand, isInteger } from '#internal/driver/driver.ts';

/** What comes in leaves by the link as large as it was (RFC 7348 4.3 lets the way between the ends cut it in pieces). */
const mtu = 1500;
const families = [4, 6] as const;
type Family = (typeof families)[number];
const header = { 4: 'ip', 6: 'ip6' } as const;

/** @throws Fault `invalid` */
export function checkAnycast({ name, number, others, endpoints, ports }: Anycast): void {
  demand(name === anycastLink, 'the link of an anycast group', name);
  for (const each of [number, ...others]) demand(isInteger(each, 0, mostAnycastNumber), 'the number of a node', each);
  for (const endpoint of endpoints) demand(isIP(endpoint) !== 0 && !endpoint.includes('%'), 'an address', endpoint);
  for (const port of ports) demand(isInteger(port, 1, 65_535), 'a port', port);
  demand(ports.length > 0, 'one port at least', ports.length);
}

/** Tells one value from another: it stands on the link and in the tables, so that they say whose they are. */
export const markOf = (of: Anycast): string =>
  createHash('sha256')
    .update(JSON.stringify([of.number, of.others, of.endpoints, of.ports]))
    .digest('hex')
    .slice(0, 32);

/** Down: nothing comes in by it before the tables stand, which want its number. */
export const birthLine = ({ number }: Anycast): string =>
  `link add ${anycastLink} mtu ${mtu} address ${anycastMac(number)} type vxlan id ${anycastNetwork} local ${anycastAddress(number)} dstport ${vxlanPort} ttl 255 nolearning`;

export const linkLines = (of: Anycast): readonly string[] => [
  `link set dev ${anycastLink} addrgenmode none up`,
  // Of the link's own scope: addresses of ours with a wider one are the plan's (driver/ip).
  `address add ${anycastAddress(of.number)}/32 dev ${anycastLink} scope link`,
  `address add ${anycastHops[6](of.number)}/64 dev ${anycastLink} nodad`,
  ...of.others.flatMap((other) => [
    `route replace ${anycastAddress(other)}/32 dev ${meshLink}`,
    `route replace ${anycastHops[4](other)}/32 dev ${anycastLink} scope link`,
    // With these nobody has to be asked, and nothing waits for an answer.
    ...families.map(
      (family) =>
        `neighbour replace ${anycastHops[family](other)} lladdr ${anycastMac(other)} dev ${anycastLink} nud permanent`,
    ),
  ]),
  // Last: what bears it is whole.
  `link set dev ${anycastLink} alias ${markOf(of)}`,
];

export const bridgeLines = (of: Anycast): readonly string[] =>
  of.others.map(
    (other) => `fdb replace ${anycastMac(other)} dev ${anycastLink} dst ${anycastAddress(other)} self permanent`,
  );

const tableOf = (family: Family): string => `${header[family]} ${nftTable}a`;

/** Whether they stand or not. */
export const withoutTables = families
  .map((family) => `table ${tableOf(family)}; delete table ${tableOf(family)};\n`)
  .join('');

/** As many as a device holds peers, twice. */
const mostHeld = 131_072;
/** 100 bytes each; one client more is relayed all the same, and not told. */
const mostRelayed = 65_536;
/** Longer than between two keepalives. */
export const relayedSeconds = 30;
/** Of calls that nobody ends: a caller's last is 5 s old by then. */
const calledSeconds = 15;
/** Before the gate for handshakes (raw, -300), which would drop what is for another node's session; after defragmentation. */
const priority = -310;
/** Types of WireGuard's messages with three zero bytes (paper, 5.4): whatever else arrives is not worth to be sent on. */
const types = '@th,64,32 { 0x01000000, 0x02000000, 0x03000000, 0x04000000 }';
const handshake = '@th,64,32 { 0x01000000, 0x02000000 }';

function tableText(family: Family, { endpoints, ports }: Anycast, mark: string): readonly string[] {
  const own = endpoints.filter((endpoint) => isIP(endpoint) === family);
  const ip = header[family];
  const source = `${ip} saddr . udp sport`;
  const key = `type ipv${family}_addr . inet_service`;
  const match = own.length === 0 ? [] : [`${ip} daddr { ${own.join(', ')} } udp dport { ${ports.join(', ')} }`];
  const copied = `dup to ${source} map @elsewhere device "${anycastLink}"`;
  return [
    `table ${tableOf(family)} {`,
    `comment "${mark}"`,
    `map elsewhere { ${key} : ipv${family}_addr; size ${mostHeld}; flags timeout; }`,
    `set called { ${key}; size ${mostRelayed}; flags timeout; timeout ${calledSeconds}s; }`,
    `set relayed { ${key}; size ${mostRelayed}; flags dynamic,timeout; timeout ${relayedSeconds}s; }`,
    'chain called_ones {',
    // Handshakes are with this node; what is of the session before is the other one's to open.
    `${handshake} accept`,
    `update @relayed { ${source} } ${copied} accept`,
    '}',
    'chain arriving {',
    `type filter hook prerouting priority ${priority}; policy accept;`,
    // Never further: two nodes that take each other for the holder would send it to and fro. And nothing but this gets in by it.
    ...match.map((of) => `iifname "${anycastLink}" ${of} accept`),
    `iifname "${anycastLink}" drop`,
    ...match.map((of) => `${of} ${types} goto sources`),
    '}',
    'chain sources {',
    `${source} @called goto called_ones`,
    // A source that nobody holds ends the rule.
    `${copied} update @relayed { ${source} } drop`,
    '}',
    'chain leaving {',
    // WireGuard answers by the device that it was reached by (IP_PKTINFO), and nobody is there: another mark, another look.
    'type route hook output priority 10; policy accept;',
    `meta mark ${accessFwmark} oifname "${anycastLink}" meta mark set ${anycastFwmark}`,
    '}',
    '}',
    '',
  ];
}

/** Takes the place of what stood before in one transaction, without what the sets held. */
export const tablesText = (of: Anycast): string =>
  `${withoutTables}${families.flatMap((family) => tableText(family, of, markOf(of))).join('\n')}`;

/** An endpoint as a key of the sets. */
export interface Source {
  readonly family: Family;
  readonly key: string;
}

/** @param endpoint `198.18.1.2:51820` or `[2001:db8::1]:51820`, looked at before */
export function sourceOf(endpoint: string): Source {
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { family: host.includes(':') ? 6 : 4, key: `${host} . ${endpoint.slice(colon + 1)}` };
}

/**
 * Whether it stands there or not, and for how long still: adding what is there as it is changes nothing, and what is there can be
 * deleted.
 * @param before what was held there last; its time may be over
 */
export function heldLines(source: Source, before: number | undefined, now: Held | undefined): readonly string[] {
  const map = `${tableOf(source.family)} elsewhere`;
  const hop = (number: number): string => anycastHops[source.family](number);
  return [
    ...(before === undefined
      ? []
      : [
          `add element ${map} { ${source.key} timeout 1s : ${hop(before)} }`,
          `delete element ${map} { ${source.key} }`,
        ]),
    ...(now === undefined ? [] : [`add element ${map} { ${source.key} timeout ${now.seconds}s : ${hop(now.number)} }`]),
  ];
}

/** Of a process that does not know what the one before has put there. */
export const forgetLines = families.map((family) => `flush map ${tableOf(family)} elsewhere`);

export interface Held {
  readonly number: number;
  readonly seconds: number;
}

/** The same of a set without values; one that is there lives on from now. */
export function calledLines({ family, key }: Source, called: boolean): readonly string[] {
  const set = `${tableOf(family)} called`;
  const none = [`add element ${set} { ${key} }`, `delete element ${set} { ${key} }`];
  return called ? [...none, `add element ${set} { ${key} }`] : none;
}

export const listArgs = (family: Family): readonly string[] => [
  '-j',
  'list',
  'set',
  ...tableOf(family).split(' '),
  'relayed',
];
export const tableArgs = (family: Family): readonly string[] => ['-t', 'list', 'table', ...tableOf(family).split(' ')];
