// Tunnel: what one tunnel asks of one node. A change of one tunnel costs this much, however many there are.

import { type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { accessLink } from '#internal/dataplane/ownership.ts';
import { policyOf } from '#internal/firewall/firewall.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ownsKey, type Snapshot, standingPrefixes } from '#internal/model/model.ts';
import { parsePrefix } from '#internal/netip/netip.ts';
import { policyElements, tunnelSet } from './nft-policy.ts';
import { sealedText } from './sealed-text.ts';
import { byText } from './self.ts';
import { shapedTunnel } from './shaping.ts';

/** What the parts of all tunnels share; when it changes, every part is made anew. */
export interface Carrier {
  readonly nodeId: string;
  readonly popId: string;
  readonly internetTable: number;
}

const hostOf = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));

const carries = (carrier: Carrier, tunnel: Tunnel): boolean =>
  tunnel.enabled && tunnel.suspension === undefined && (tunnel.placement?.popIds.includes(carrier.popId) ?? false);

/**
 * Adds the tunnel's peer (two while its key is rotated), its elements with those of its firewall, its classes where it is
 * live, and, where it is `here` away from its slab's home, routes of its own.
 * Nothing for a tunnel that is disabled, suspended, placed elsewhere, not backed by allocations, or whose pre-shared key
 * was sealed to others only.
 */
export function tunnel(
  snapshot: Snapshot,
  record: Tunnel,
  carrier: Carrier & { readonly here: boolean; readonly classNumber?: number | undefined },
  into: MutableDataplane,
): void {
  if (!carries(carrier, record) || !ownsKey(snapshot, record)) return;
  const sealed = sealedText(record.sealedPresharedKey[carrier.nodeId]);
  // Without the pre-shared key that its other nodes have it would be open to whoever has the client's key alone.
  if (sealed === undefined && Object.keys(record.sealedPresharedKey).length > 0) return;
  const standing = standingPrefixes(snapshot, record);
  if (standing.length === 0) return;
  const presharedKey = sealed === undefined ? {} : { sealedPresharedKey: sealed };
  put(into, 'peer', {
    link: accessLink,
    publicKey: record.publicKey,
    allowedIps: standing.map((given) => given.prefix).sort(byText),
    keepaliveSeconds: 0,
    ...presharedKey,
  });
  // An AllowedIP belongs to one peer of an interface: the next key has none until its first handshake.
  if (record.nextPublicKey !== '' && ownsKey(snapshot, record, record.nextPublicKey))
    put(into, 'peer', {
      link: accessLink,
      publicKey: record.nextPublicKey,
      allowedIps: [],
      keepaliveSeconds: 0,
      successorOf: record.publicKey,
      ...presharedKey,
    });
  const policy = policyOf(record.firewall);
  for (const given of standing) {
    const prefix = parsePrefix(given.prefix);
    if (typeof prefix !== 'string') continue;
    for (const element of policyElements(policy, prefix)) put(into, 'element', { netns: 'pop', ...element });
    const family = given.prefix.includes(':') ? 6 : 4;
    const length = Number(given.prefix.slice(given.prefix.indexOf('/') + 1));
    put(into, 'element', { netns: 'pop', set: tunnelSet(family, length), element: hostOf(given.prefix) });
    if (carrier.here && given.homePopId !== carrier.popId)
      put(into, 'route', {
        netns: 'pop',
        table: carrier.internetTable,
        prefix: given.prefix,
        type: 'unicast',
        dev: accessLink,
      });
  }
  shapedTunnel(record, standing, carrier.here ? carrier.classNumber : undefined, into);
}
