// Endpoint: where a peer is, as WireGuard writes it.

import { type IpAddress, isUnicast, parseAddress } from './address.ts';

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
