// A PoP's endpoint in nft's language: what comes in by its ports, by those that it can be reached by as well, and what leaves by them.
//
// Of what comes in by its own port nothing is tracked, nor of the answers: tracking them cost each packet about as much as all other rules of
// the transport namespace together (perf by hand, adr/0053). What came in by another port needs tracking for its
// way back. WireGuard answers it from the interface's address, where `redirect` has led it; and where that is the endpoint's own, packets
// have noted who it is.

import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { alternativePorts, endpointPorts } from './ports.ts';

export const families = [4, 6] as const;
export type Family = (typeof families)[number];
export const field = { 4: 'ip', 6: 'ip6' } as const;
export const list = (parts: readonly (string | number)[]): string => `{ ${parts.join(', ')} }`;

/** More than as many new ones as the input chain lets in within this time. */
const mostRedirected = 131_072;
/** REJECT_AFTER_TIME (WireGuard paper, 6.1): who is silent for longer has no session, and is sent nothing. */
const redirectedFor = '3m';

const endpointOf = ({ endpoint4, endpoint6 }: Pop, family: Family): string => (family === 4 ? endpoint4 : endpoint6);

export const toPorts = (pop: Pop): string => {
  const ports = endpointPorts(pop);
  return ports.length === 1 ? String(ports[0]) : list(ports);
};

/** Matches of what comes in. */
export const toEndpoint = (pop: Pop, ports: string): readonly string[] =>
  families.flatMap((family) => {
    const endpoint = endpointOf(pop, family);
    return endpoint === '' ? [] : [`${field[family]} daddr ${endpoint} udp dport ${ports}`];
  });

export const toAlternatives = (pop: Pop): readonly string[] =>
  toEndpoint(pop, list(alternativePorts.filter((port) => !endpointPorts(pop).includes(port))));

export const redirects = (pop: Pop): readonly string[] =>
  toAlternatives(pop).map((match) => `${match} redirect to :${pop.endpointPort}`);

const redirectedSet = (family: Family): string => `redirected${family}`;
/** Clients that came by an alternative port, and theirs, by packets. */
export const redirectedSets: readonly string[] = families.map(
  (family) =>
    `set ${redirectedSet(family)} { type ipv${family}_addr . inet_service; size ${mostRedirected}; flags dynamic,timeout; timeout ${redirectedFor}; }`,
);

/** `redirect` has put the address of the interface in the place of the endpoint's. */
export function redirected({ endpointPort }: Pop): readonly string[] {
  const match = `ct status dnat udp dport ${endpointPort}`;
  return [
    ...families.map((family) => `${match} update @${redirectedSet(family)} { ${field[family]} saddr . udp sport }`),
    // Not with the above: a full set must not refuse anybody.
    `${match} accept`,
  ];
}

/** @param links ports of interconnects and of the mesh, which nothing is redirected to */
export const answers = (pop: Pop | undefined, links: readonly number[]): readonly string[] => [
  ...(pop === undefined
    ? []
    : families.flatMap((family) => {
        const [from, ip] = [endpointOf(pop, family), field[family]];
        const to = `${ip} daddr . udp dport != @${redirectedSet(family)}`;
        return from === '' ? [] : [`${ip} saddr ${from} udp sport ${toPorts(pop)} ${to} notrack accept`];
      })),
  ...(links.length === 0 ? [] : [`udp sport ${list(links)} notrack accept`]),
];
