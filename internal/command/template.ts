// Template: a tunnel's client file without its private key, which never was here.

import { create } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { Tunnel } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type GetTunnelTemplateResponse, GetTunnelTemplateResponseSchema } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { carryingPops, type Snapshot, servedPop, standingPrefixes } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import {
  addressBits,
  addressFrom,
  familyOf,
  firstNumber,
  hostPrefix,
  type Prefix,
  prefixLength,
} from '#internal/netip/netip.ts';
import { notFound } from './fields.ts';

export interface TemplateWish {
  /** Empty: the tunnel's home. */
  readonly popId: string;
  readonly endpointIpv6: boolean;
}

/**
 * Addresses are /32 and /128: with the prefix's own length wg-quick would route the rest of a routed block to nowhere.
 * Refuses `not-found` (PoP), `invalid` (a PoP that does not carry it, or without such an endpoint), `not-ready`.
 */
export function tunnelTemplate(
  snapshot: Snapshot,
  tunnel: Stored<Tunnel>,
  wish: TemplateWish,
): GetTunnelTemplateResponse | Refusal {
  const { record } = tunnel;
  const popIds = carryingPops(snapshot, record.placement?.popIds ?? []);
  const popId = wish.popId === '' ? (popIds[0] ?? '') : wish.popId;
  const own = snapshot.pops.get(popId)?.record;
  if (own === undefined) return notFound('tunnel.pop_id', popId, 'PoP');
  const pop = servedPop(snapshot, own);
  if (!popIds.includes(popId)) {
    const cure = `one of ${popIds.join(', ')}`;
    return refuse('invalid', { field: 'tunnel.pop_id', value: popId, problem: 'does not carry the tunnel', cure });
  }
  const endpointAddress = wish.endpointIpv6 ? pop.endpoint6 : pop.endpoint4 || pop.endpoint6;
  if (endpointAddress === '') {
    const cure = 'reach it by IPv4';
    return refuse('invalid', { field: 'tunnel.pop_id', value: popId, problem: 'has no IPv6 endpoint', cure });
  }
  const prefixes = standingPrefixes(snapshot, record);
  if (prefixes.length === 0) {
    const problem = 'has no addresses that its allocations back';
    return refuse('not-ready', { field: 'tunnel', value: record.id, problem, cure: 'delete it and create it again' });
  }
  return create(GetTunnelTemplateResponseSchema, {
    // As a file shows them: IPv4 first.
    addresses: prefixes.map(({ prefix }) => ownAddress(prefix as Prefix)).sort((a, b) => familyOf(a) - familyOf(b)),
    mtu: record.mtu,
    keepaliveSeconds: record.keepaliveSeconds,
    // From its first moment: a file that is made now is to last.
    peerPublicKey: pop.nextAccessKey?.publicKey ?? pop.publicKey,
    endpointAddress,
    endpointPort: pop.nextAccessKey?.port ?? pop.endpointPort,
    allowedIps: ['0.0.0.0/0', '::/0'],
    tunnelId: record.id,
    tunnelName: record.name,
  });
}

/** The one address, or the first after the prefix's own, which routers may take as "any router here" (RFC 4291 2.6.1). */
function ownAddress(prefix: Prefix): Prefix {
  const family = familyOf(prefix);
  const own = prefixLength(prefix) === addressBits(family) ? 0n : 1n;
  return hostPrefix(addressFrom(family, firstNumber(prefix) + own));
}
