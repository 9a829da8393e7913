// Ports: what leads to WireGuard at a PoP's endpoint.

import type { Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';

/** Ports of networks that let nothing else out: HTTP/3, DNS, NTP (IANA port numbers). */
export const alternativePorts = [443, 53, 123];
/** Of the current key, and while that is rotated of the next. */
export const endpointPorts = ({ endpointPort, nextAccessKey }: Pop): readonly number[] => [
  endpointPort,
  ...(nextAccessKey === undefined ? [] : [nextAccessKey.port]),
];

/** Of all that leads to WireGuard. */
export const everyPort = (pop: Pop): readonly number[] => [...new Set([...endpointPorts(pop), ...alternativePorts])];
