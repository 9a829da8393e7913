// Pool records: pools and what lies in them, as events of a snapshot.

import { create } from '@bufbuild/protobuf';
import {
  AllocationSchema,
  PoolSchema,
  ReservationSchema,
  SlabSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  allocationId,
  emptySnapshot,
  fold,
  poolId,
  reservationId,
  type Snapshot,
  slabId,
  slabLengthOf,
} from '#internal/model/model.ts';
import type { RecordEvent, RecordKind } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';

const p = (text: string): Prefix => text as Prefix;
const put = (kind: RecordKind, id: string, record: unknown): RecordEvent =>
  ({ kind, id, stored: { revision: 1n, record } }) as RecordEvent;

/** Of the realm internet. @param prefix that it was created with; `rest` may name another one: it was resized */
export function poolOf(prefix: string, rest: object = {}): RecordEvent {
  const id = poolId(p(prefix));
  const record = { id, prefix, realmId: 'internet', slabLength: slabLengthOf(p(prefix)), ...rest };
  return put('pool', id, create(PoolSchema, record));
}

/** At home at p1, unless `rest` says otherwise. @param pool the prefix that it was created with */
export function slabOf(pool: string, prefix: string, unitLength: number, rest: object = {}): RecordEvent {
  const id = poolId(p(pool));
  const record = { poolId: id, prefix, unitLength, homePopId: 'p1', ...rest };
  return put('slab', slabId(id, p(prefix)), create(SlabSchema, record));
}

/** In use by the tunnel `t`, unless `rest` says otherwise. */
export function allocationOf(pool: string, prefix: string, rest: object = { tunnelId: 't' }): RecordEvent {
  const id = poolId(p(pool));
  return put('allocation', allocationId(id, p(prefix)), create(AllocationSchema, { poolId: id, prefix, ...rest }));
}

/** @param seconds since 1970 at which it ends */
export function quarantinedOf(pool: string, prefix: string, owner: string, seconds: number): RecordEvent {
  return allocationOf(pool, prefix, { owner, quarantinedUntil: { seconds: BigInt(seconds) } });
}

export function reservationOf(pool: string, prefix: string, owner = ''): RecordEvent {
  const id = poolId(p(pool));
  const record = create(ReservationSchema, { poolId: id, prefix, owner });
  return put('reservation', reservationId(id, p(prefix)), record);
}

export function snapshotOf(...events: readonly RecordEvent[]): Snapshot {
  return fold(emptySnapshot(), { revision: 1n, relisted: true, events }).snapshot;
}
