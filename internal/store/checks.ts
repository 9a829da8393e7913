// Checks: whether a record says what its kind can say. Syntax only: whether it stands is the model's question.
//
// The values go on into the languages of wg, nft, ip and BIRD, so a record that somebody wrote by hand, or that was
// damaged, must be told from one of ours here.

import {
  type AccessKey,
  type AnycastGroup,
  type Blackhole,
  EndpointMode,
  type Interconnect,
  type Network,
  type Node,
  Plane,
  type Pop,
  PopKind,
  type Tunnel,
  type Upstream,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { blackholeId, peerKeyId } from '#internal/model/model.ts';
import type { RecordKind, Records } from '#internal/model/record.ts';
import {
  addressBits,
  type Family,
  familyOf,
  firstAddress,
  isUnicast,
  parsePrefix,
  parseWgKey,
  prefixLength,
} from '#internal/netip/netip.ts';
import {
  address,
  id,
  ids,
  key,
  optional,
  type Problem,
  port,
  range,
  rate,
  sealed,
  text,
  time,
  timeThere,
  when,
} from './check-fields.ts';
import { allocation, pool, quota, reservation, slab, tunnelPrefix } from './check-pools.ts';
import { authority, certificate, joinToken } from './check-trust.ts';

const popKinds: ReadonlySet<PopKind> = new Set([PopKind.CORE, PopKind.REGIONAL, PopKind.MICRO]);
const endpointModes: ReadonlySet<EndpointMode> = new Set([EndpointMode.UNSPECIFIED, EndpointMode.L2]);
const planes: ReadonlySet<Plane> = new Set([Plane.TRANSPORT, Plane.POP]);

const network = (record: Network): Problem =>
  when(!/^[0-9a-f]{32}$/.test(record.uid), 'uid is not 32 hexadecimal digits') ?? text('name', record.name);

// Tables below 256 are the kernel's (253 default, 254 main, 255 local): nothing of ours is ever in one of them.
const realm = (record: Records['realm']): Problem =>
  range('table', record.table, 256, 0xffff_ffff) ?? text('description', record.description);

/** A rotation takes an hour at least (command/rotate-pop-key.ts): a century of them. */
const mostKeys = 1_000_000;

const nextAccessKey = (next: AccessKey): Problem =>
  key('next_access_key.public_key', next.publicKey) ??
  port('next_access_key.port', next.port) ??
  sealed('next_access_key.sealed', next.sealed) ??
  timeThere('next_access_key.since', next.since) ??
  timeThere('next_access_key.takes_over_at', next.takesOverAt);

const pop = (record: Pop): Problem =>
  when(!popKinds.has(record.kind), 'kind is unknown') ??
  text('description', record.description) ??
  optional(record.endpoint4, () => address('endpoint4', record.endpoint4, 4)) ??
  optional(record.endpoint6, () => address('endpoint6', record.endpoint6, 6)) ??
  port('endpoint_port', record.endpointPort) ??
  when(!endpointModes.has(record.endpointMode), 'endpoint_mode is unknown') ??
  optional(record.gateway4, () => address('gateway4', record.gateway4, 4)) ??
  optional(record.gateway6, () => address('gateway6', record.gateway6, 6)) ??
  key('public_key', record.publicKey) ??
  text('failure_domain', record.failureDomain) ??
  sealed('sealed_access_key', record.sealedAccessKey) ??
  (record.nextAccessKey === undefined ? undefined : nextAccessKey(record.nextAccessKey)) ??
  range('access_key_generation', record.accessKeyGeneration, 0, mostKeys) ??
  optional(record.anycastGroupId, () => id('anycast_group_id', record.anycastGroupId));

const anycast = (record: AnycastGroup): Problem =>
  text('description', record.description) ??
  id('founder_pop_id', record.founderPopId) ??
  optional(record.endpoint4, () => address('endpoint4', record.endpoint4, 4)) ??
  optional(record.endpoint6, () => address('endpoint6', record.endpoint6, 6)) ??
  port('endpoint_port', record.endpointPort) ??
  key('public_key', record.publicKey) ??
  sealed('sealed_access_key', record.sealedAccessKey) ??
  (record.nextAccessKey === undefined ? undefined : nextAccessKey(record.nextAccessKey)) ??
  range('access_key_generation', record.accessKeyGeneration, 0, mostKeys) ??
  time('created_at', record.createdAt);

const node = (record: Node): Problem =>
  id('pop_id', record.popId) ??
  // RFC 6996: private 32-bit numbers.
  range('asn', record.asn, 4_200_000_000, 4_294_967_294) ??
  address('loopback4', record.loopback4, 4) ??
  address('loopback6', record.loopback6, 6) ??
  // A MICRO PoP's node has no place on the mesh.
  optional(record.meshAddress, () => address('mesh_address', record.meshAddress)) ??
  optional(record.meshPublicKey, () => key('mesh_public_key', record.meshPublicKey)) ??
  range('mesh_port', record.meshPort, 0, 65_535) ??
  range('api_port', record.apiPort, 0, 65_535) ??
  optional(record.underlay4, () => address('underlay4', record.underlay4, 4)) ??
  optional(record.underlay6, () => address('underlay6', record.underlay6, 6)) ??
  when(record.underlay4 === '' && record.underlay6 === '', 'underlay4 and underlay6 are both missing') ??
  // Stands in the rules of nft and in BIRD's configuration.
  optional(record.heartbeat, () => address('heartbeat', record.heartbeat)) ??
  key('interconnect_public_key', record.interconnectPublicKey) ??
  text('failure_domain', record.failureDomain) ??
  rate('uplink_bit_per_second', record.uplinkBitPerSecond) ??
  time('revoked_at', record.revokedAt) ??
  optional(record.nextInterconnectPublicKey, () =>
    key('next_interconnect_public_key', record.nextInterconnectPublicKey),
  ) ??
  time('interconnect_key_age.since', record.interconnectKeyAge?.since) ??
  time('interconnect_key_age.wanted_at', record.interconnectKeyAge?.wantedAt) ??
  time('interconnect_key_age.next_since', record.interconnectKeyAge?.nextSince) ??
  time('interconnect_key_age.cancelled_at', record.interconnectKeyAge?.cancelledAt);

function linkPrefix(field: string, value: string, family: Family): Problem {
  const prefix = parsePrefix(value);
  if (prefix !== value || familyOf(prefix) !== family || prefixLength(prefix) !== addressBits(family) - 1)
    return `${field} is not a /${addressBits(family) - 1}`;
  return when(!isUnicast(firstAddress(prefix)), `${field} holds no addresses of one machine`);
}

const interconnect = (record: Interconnect): Problem =>
  id('node_a', record.nodeA) ??
  id('node_b', record.nodeB) ??
  when(record.nodeA >= record.nodeB, 'node_a is not below node_b') ??
  linkPrefix('link4', record.link4, 4) ??
  linkPrefix('link6', record.link6, 6) ??
  port('port_a', record.portA) ??
  port('port_b', record.portB) ??
  range('mtu', record.mtu, 1_280, 65_535) ??
  optional(record.otherLink4, () => linkPrefix('other_link4', record.otherLink4, 4)) ??
  optional(record.otherLink6, () => linkPrefix('other_link6', record.otherLink6, 6)) ??
  range('other_port_a', record.otherPortA, 0, 65_535) ??
  range('other_port_b', record.otherPortB, 0, 65_535) ??
  // They stand in the rules of nft.
  optional(record.underlayA, () => address('underlay_a', record.underlayA)) ??
  optional(record.underlayB, () => address('underlay_b', record.underlayB));

const upstream = (record: Upstream): Problem =>
  id('node_id', record.nodeId) ??
  when(!planes.has(record.plane), 'plane is unknown') ??
  optional(record.neighbor4, () => address('neighbor4', record.neighbor4, 4)) ??
  optional(record.neighbor6, () => address('neighbor6', record.neighbor6, 6)) ??
  // RFC 7607, RFC 7300: 0 and the last number are nobody's.
  range('neighbor_asn', record.neighborAsn, 1, 4_294_967_294) ??
  sealed('sealed_password', record.sealedPassword);

function tunnel(record: Tunnel): Problem {
  return (
    text('name', record.name) ??
    text('owner', record.owner) ??
    key('public_key', record.publicKey) ??
    optional(record.nextPublicKey, () => key('next_public_key', record.nextPublicKey)) ??
    text('suspension.reason', record.suspension?.reason ?? '') ??
    text('suspension.by', record.suspension?.by ?? '') ??
    time('suspension.at', record.suspension?.at) ??
    ids('placement.pop_ids', record.placement?.popIds ?? []) ??
    ids('realm_ids', record.realmIds) ??
    // The client's: 68 is the least of IPv4 (RFC 791), the kernel's own bound.
    range('mtu', record.mtu, 68, 65_535) ??
    // wg(8): persistent-keepalive.
    range('keepalive_seconds', record.keepaliveSeconds, 0, 65_535) ??
    time('created_at', record.createdAt) ??
    rate('rate_up_bit_per_second', record.rateUpBitPerSecond) ??
    rate('rate_down_bit_per_second', record.rateDownBitPerSecond) ??
    record.prefixes.map(tunnelPrefix).find((problem) => problem !== undefined)
  );
}

function peerkey(record: Records['peerkey'], itsId: string): Problem {
  const publicKey = parseWgKey(record.publicKey);
  if (typeof publicKey !== 'string' || peerKeyId(publicKey) !== itsId) return 'public_key is not the one of the key';
  return id('tunnel_id', record.tunnelId);
}

function blackhole(record: Blackhole, itsId: string): Problem {
  const prefix = parsePrefix(record.prefix);
  if (typeof prefix !== 'string' || prefix !== record.prefix || blackholeId(prefix) !== itsId)
    return 'prefix is not the one of the key';
  return (
    when(prefixLength(prefix) !== addressBits(familyOf(prefix)), 'prefix is not one address') ??
    when(!isUnicast(firstAddress(prefix)), 'prefix is no address of one machine') ??
    text('reason', record.reason) ??
    text('by', record.by) ??
    time('created_at', record.createdAt) ??
    time('expires_at', record.expiresAt)
  );
}

/** Of a record whose own id is a field, that field is compared with the key. */
function named<R extends { readonly id: string }>(
  check: (record: R) => Problem,
): (record: R, itsId: string) => Problem {
  return (record, itsId) =>
    when(record.id !== itsId, 'id is not the one of the key') ?? id('id', itsId) ?? check(record);
}

const checks: { readonly [K in RecordKind]: (record: Records[K], itsId: string) => Problem } = {
  network: named(network),
  realm: named(realm),
  pop: named(pop),
  anycast: named(anycast),
  node: named(node),
  interconnect: named(interconnect),
  upstream: named(upstream),
  pool: (record, itsId) => when(record.id !== itsId, 'id is not the one of the key') ?? pool(record, itsId),
  slab,
  reservation,
  allocation,
  tunnel: named(tunnel),
  peerkey,
  quota,
  blackhole,
  jointoken: joinToken,
  certificate,
  authority,
};

export function problemOf<K extends RecordKind>(kind: K, record: Records[K], itsId: string): Problem {
  return checks[kind](record, itsId);
}
