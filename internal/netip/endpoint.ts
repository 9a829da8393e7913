// Endpoint: an address and a port, as WireGuard, gRPC and URLs write them: an IPv6 address stands in brackets.

import { type IpAddress, isUnicast, parseAddress } from './address.ts';

/** `198.18.1.2:51820`, `[2001:db8::1]:51820`. The address is one; neither is looked at. */
export const endpointAt = (address: string, port: number): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

/**
 * What stands before the last colon, without its brackets: what `endpointAt` was made of. For endpoints that are known to be
 * some; of others `endpointAddress` says so.
 */
export const endpointHost = (endpoint: string): string =>
  endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');

/**
 * The address in `198.18.1.2:51820` or `[2001:db8::1]:51820`; undefined: it is no endpoint of one machine that a router
 * leads to.
 */
export function endpointAddress(text: string): IpAddress | undefined {
  const [, inner, bare = '', port] = /^(?:\[([^\]]+)\]|([^:]+)):([1-9]\d{0,4})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535) return undefined;
  const address = parseAddress(inner ?? bare);
  if (typeof address !== 'string' || address.includes(':') !== (inner !== undefined)) return undefined;
  return isUnicast(address) ? address : undefined;
}
