// Endpoint: where a PoP's addresses are: announced by BIRD, or on a LAN of its nodes (adr/0030).

import { type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { EndpointMode, type Pop } from '#internal/gen/pop44/store/v1/records_pb.ts';

type Family = 4 | 6;

const onLan = ({ endpointMode }: Pop): boolean => endpointMode === EndpointMode.L2;

/** What upstreams hear of; empty: nothing. */
export function announcedEndpoint(pop: Pop, family: Family): string {
  if (onLan(pop)) return '';
  return family === 4 ? pop.endpoint4 : pop.endpoint6;
}

/** What stands on a LAN while its node carries the PoP, and by which router it is left. Incomplete in a record: not at all. */
export function floatingEndpoint(
  pop: Pop,
  family: Family,
): { readonly address: string; readonly gateway: string } | undefined {
  if (!onLan(pop)) return undefined;
  const [address, gateway] = family === 4 ? [pop.endpoint4, pop.gateway4] : [pop.endpoint6, pop.gateway6];
  return address === '' || gateway === '' ? undefined : { address, gateway };
}

/** One that is announced is on every node, the standby too; one on a LAN is where neighbours are to find it. */
export function endpointAddresses(pop: Pop, into: MutableDataplane): void {
  for (const family of [4, 6] as const) {
    const announced = announcedEndpoint(pop, family);
    const floating = floatingEndpoint(pop, family);
    const cidr = `${announced}/${family === 4 ? 32 : 128}`;
    if (announced !== '') put(into, 'address', { netns: 'transport', dev: 'lo', cidr });
    if (floating !== undefined) put(into, 'floating', { family, ...floating });
  }
}
