// WireGuard links of a node: the access interface and one interface for each interconnect, with the far end as its peer.

import { type Link, type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { accessFwmark } from '#internal/dataplane/ownership.ts';
import { endpointAt } from '#internal/netip/netip.ts';
import { sourcesOf } from './community.ts';
import { keepaliveSeconds } from './keepalive.ts';
import { sealedText } from './sealed-text.ts';
import type { Leg, View } from './self.ts';

/** 1500 less 60 of WireGuard over IPv4 or 80 over IPv6 (wg-quick(8) subtracts 80). */
export const accessMtu = 1420;

/** Undefined when the two share no family in the underlay. */
function underlayEndpoint({ farUnderlay, farPort }: Leg): string | undefined {
  if (farUnderlay === '') return undefined;
  return endpointAt(farUnderlay, farPort);
}

type Key = Pick<Link, 'privateKeyFile' | 'sealedPrivateKey'>;

function sealedKey(sealed: Readonly<Record<string, Uint8Array>>, nodeId: string): Key {
  const text = sealedText(sealed[nodeId]);
  return { privateKeyFile: '', ...(text !== undefined && { sealedPrivateKey: text }) };
}

/** Sealed to this node, or where nothing is sealed, in a file. Neither: the step fails and says so. */
function accessKey({ node, pop, self }: View): Key {
  if (Object.keys(pop.sealedAccessKey).length === 0) return { privateKeyFile: self.accessKeyFile ?? '' };
  return sealedKey(pop.sealedAccessKey, node.id);
}

export function wireguard(view: View, into: MutableDataplane): void {
  const [current, next] = view.accessLinks;
  const access = (name: string, listenPort: number, key: Key): void =>
    put(into, 'link', { name, netns: 'pop', mtu: accessMtu, listenPort, fwmark: accessFwmark, ...key });
  access(current, view.pop.endpointPort, accessKey(view));
  const nextKey = view.pop.nextAccessKey;
  if (next !== undefined && nextKey !== undefined) access(next, nextKey.port, sealedKey(nextKey.sealed, view.node.id));
  for (const leg of view.legs) {
    const endpoint = underlayEndpoint(leg);
    put(into, 'link', {
      name: leg.link,
      netns: 'pop',
      mtu: leg.interconnect.mtu,
      listenPort: leg.listenPort,
      fwmark: 0,
      privateKeyFile: leg.keyFile,
    });
    put(into, 'peer', {
      link: leg.link,
      publicKey: leg.farKey,
      // What may pass is decided by routes and filters; a trusted link carries the whole fabric.
      allowedIps: leg.community === undefined ? ['0.0.0.0/0', '::/0'] : sourcesOf(leg.community, leg),
      ...(endpoint === undefined ? {} : { endpoint }),
      keepaliveSeconds: keepaliveSeconds(view.node.id, leg.far.id),
    });
  }
}
