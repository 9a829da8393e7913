// Schemas: the message of each kind of record.

import type { GenMessage } from '@bufbuild/protobuf/codegenv2';
import {
  AllocationSchema,
  AnycastGroupSchema,
  AuthoritySchema,
  BlackholeSchema,
  InterconnectSchema,
  JoinTokenSchema,
  NetworkSchema,
  NodeCertificateSchema,
  NodeSchema,
  PeerKeySchema,
  PoolSchema,
  PopSchema,
  QuotaSchema,
  RealmSchema,
  ReservationSchema,
  SlabSchema,
  TunnelSchema,
  UpstreamSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { RecordKind, Records } from './record.ts';

export const recordSchemas: { readonly [K in RecordKind]: GenMessage<Records[K]> } = {
  network: NetworkSchema,
  realm: RealmSchema,
  pop: PopSchema,
  anycast: AnycastGroupSchema,
  node: NodeSchema,
  interconnect: InterconnectSchema,
  upstream: UpstreamSchema,
  pool: PoolSchema,
  slab: SlabSchema,
  reservation: ReservationSchema,
  allocation: AllocationSchema,
  tunnel: TunnelSchema,
  peerkey: PeerKeySchema,
  quota: QuotaSchema,
  blackhole: BlackholeSchema,
  jointoken: JoinTokenSchema,
  certificate: NodeCertificateSchema,
  authority: AuthoritySchema,
};
