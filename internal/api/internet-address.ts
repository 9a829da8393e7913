// Internet address: one that somebody on the internet may have, and a node may ask.

import { martians } from '#internal/desired/desired.ts';
import { within } from '#internal/explain/explain.ts';
import { familyOf, type IpAddress, isUnicast, parseAddress } from '#internal/netip/netip.ts';

/** Undefined for what is no address, and for those of machines, meshes and LANs: nobody is sent there. */
export function internetAddress(text: string): IpAddress | undefined {
  const address = parseAddress(text);
  if (typeof address !== 'string' || !isUnicast(address)) return undefined;
  return within(martians[familyOf(address)], address) === undefined ? address : undefined;
}
