// Packet: the first packet of a flow, which is what firewalls judge.

import { protocolName } from '#internal/firewall/firewall.ts';
import { type Family, hostPrefix, type IpAddress, type Prefix, contains } from '#internal/netip/netip.ts';

/** RFC 792, RFC 4443: of ICMP an echo request is meant. */
export const icmp = { 4: 1, 6: 58 } as const;
const portProtocols: ReadonlySet<number> = new Set([6, 17]);
export const hasPorts = (protocol: number): boolean => portProtocols.has(protocol);

export interface Packet {
  readonly family: Family;
  readonly from: IpAddress;
  readonly to: IpAddress;
  readonly protocol: number;
  /** Of TCP and UDP, else 0. */
  readonly port: number;
}

export const isEcho = ({ family, protocol }: Packet): boolean => protocol === icmp[family];

/** `tcp/22`, `ping`, `47`. */
export const flowText = (packet: Packet): string => {
  if (isEcho(packet)) return 'ping';
  return packet.port === 0 ? String(packet.protocol) : `${protocolName(packet.protocol)}/${packet.port}`;
};

export const within = (prefixes: readonly string[], address: IpAddress): Prefix | undefined =>
  (prefixes as readonly Prefix[]).find((prefix) => contains(prefix, hostPrefix(address)));
