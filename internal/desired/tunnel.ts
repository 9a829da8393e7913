// Tunnel: what one tunnel asks of one node. A change of one tunnel costs this much, however many there are.

import { type MutableDataplane, put } from '#internal/dataplane/dataplane.ts';
import { mostMoves, moveMetric, otherLinkTable } from '#internal/dataplane/ownership.ts';
import { policyOf } from '#internal/firewall/firewall.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { ownsKey, type Snapshot, standingPrefixes } from '#internal/model/model.ts';
import { parsePrefix } from '#internal/netip/netip.ts';
import { type AccessLinks, reachedBy } from './access-links.ts';
import { policyElements, tunnelSet } from './nft-policy.ts';
import { sealedText } from './sealed-text.ts';
import { byText } from './self.ts';
import { shapedTunnel } from './shaping.ts';

/** What the parts of all tunnels share; when it changes, every part is made anew. */
export interface Carrier {
  readonly nodeId: string;
  readonly popId: string;
  /** That one, and those that share its endpoint: what is placed at one of them is carried by all. */
  readonly popIds: readonly string[];
  readonly internetTable: number;
  /** With the current key, and while that is rotated with the next. */
  readonly accessLinks: AccessLinks;
}

const hostOf = (prefix: string): string => prefix.slice(0, prefix.indexOf('/'));

const carries = (carrier: Carrier, tunnel: Tunnel): boolean =>
  tunnel.enabled &&
  tunnel.suspension === undefined &&
  (tunnel.placement?.popIds.some((id) => carrier.popIds.includes(id)) ?? false);

/** Of one tunnel. */
export interface Whereabouts {
  /** On this node. */
  readonly here: boolean;
  /** It has a session here, or may at any moment: with this node's sibling. */
  readonly classNumber?: number | undefined;
  /** Access interface of its newest handshake. */
  readonly link?: string | undefined;
  /** Which of its moves brought it here. */
  readonly sequence?: number | undefined;
  /** The node that it came from may announce it still. */
  readonly contended?: boolean;
}

/**
 * Adds the tunnel's peer on each access interface (two while its key is rotated), its elements with those of its firewall, its classes where it is
 * live, and, where it is `here` away from its slab's home, or contended, routes of its own.
 * Nothing for a tunnel that is disabled, suspended, placed elsewhere, not backed by allocations, or whose pre-shared key
 * was sealed to others only.
 */
export function tunnel(
  snapshot: Snapshot,
  record: Tunnel,
  carrier: Carrier & Whereabouts,
  into: MutableDataplane,
): void {
  if (!carries(carrier, record) || !ownsKey(snapshot, record)) return;
  const sealed = sealedText(record.sealedPresharedKey[carrier.nodeId]);
  // Without the pre-shared key that its other nodes have it would be open to whoever has the client's key alone.
  if (sealed === undefined && Object.keys(record.sealedPresharedKey).length > 0) return;
  const standing = standingPrefixes(snapshot, record);
  if (standing.length === 0) return;
  const presharedKey = sealed === undefined ? {} : { sealedPresharedKey: sealed };
  const allowedIps = standing.map((given) => given.prefix).sort(byText);
  for (const link of carrier.accessLinks) {
    if (link === undefined) continue;
    put(into, 'peer', { link, publicKey: record.publicKey, allowedIps, keepaliveSeconds: 0, ...presharedKey });
    // An AllowedIP belongs to one peer of an interface: the next key has none until its first handshake.
    if (record.nextPublicKey !== '' && ownsKey(snapshot, record, record.nextPublicKey))
      put(into, 'peer', {
        link,
        publicKey: record.nextPublicKey,
        allowedIps: [],
        keepaliveSeconds: 0,
        successorOf: record.publicKey,
        ...presharedKey,
      });
  }
  const usual = carrier.accessLinks[0];
  const dev = reachedBy(carrier.accessLinks, carrier.link);
  const policy = policyOf(record.firewall);
  for (const given of standing) {
    const prefix = parsePrefix(given.prefix);
    if (typeof prefix !== 'string') continue;
    for (const element of policyElements(policy, prefix)) put(into, 'element', { netns: 'pop', ...element });
    const family = given.prefix.includes(':') ? 6 : 4;
    const length = Number(given.prefix.slice(given.prefix.indexOf('/') + 1));
    put(into, 'element', { netns: 'pop', set: tunnelSet(family, length), element: hostOf(given.prefix) });
    const own = { netns: 'pop', prefix: given.prefix, type: 'unicast', dev } as const;
    // The slab's route loses against one of a node that a tunnel has left, wherever that is believed.
    if (carrier.here && (given.homePopId !== carrier.popId || carrier.contended === true)) {
      const metric = moveMetric + Math.min(carrier.sequence ?? 1, mostMoves);
      put(into, 'route', { ...own, table: carrier.internetTable, metric });
    }
    // At home the slab's route leads to the current key's; the others need none to know of another.
    else if (dev !== usual) put(into, 'route', { ...own, table: otherLinkTable });
  }
  shapedTunnel(record, standing, { dev, classNumber: carrier.classNumber }, into);
}
