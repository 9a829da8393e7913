// Allocation requests: what owners ask for on the three PoPs, and records to ask it of.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { allocate, type CommandContext, release } from '#internal/command/command.ts';
import {
  type NetworkSchema,
  type Pool,
  PoolSchema,
  QuotaSchema,
  ReservationSchema,
} from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocateRequestSchema, ReleaseRequestSchema } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { reservationId, type Snapshot } from '#internal/model/model.ts';
import type { RecordEvent } from '#internal/model/record.ts';
import type { Prefix } from '#internal/netip/netip.ts';
import { commandContext } from './command-context.ts';
import { changed } from './tunnel-requests.ts';

export const allocateIn = (
  snapshot: Snapshot,
  rest: MessageInitShape<typeof AllocateRequestSchema> = {},
  context: Partial<CommandContext> = {},
) => allocate(snapshot, create(AllocateRequestSchema, rest), commandContext(snapshot, context));

export const releaseIn = (
  snapshot: Snapshot,
  prefixes: readonly string[],
  rest: MessageInitShape<typeof ReleaseRequestSchema> = {},
  context: Partial<CommandContext> = {},
) =>
  release(
    snapshot,
    create(ReleaseRequestSchema, { prefixes: [...prefixes], ...rest }),
    commandContext(snapshot, context),
  );

/** The pools with other fields than they have. */
export const withPools = (snapshot: Snapshot, fields: Partial<Pool>, ...ids: readonly string[]): Snapshot =>
  changed(
    snapshot,
    ...ids.map((id): RecordEvent => {
      const record = Object.assign(create(PoolSchema), snapshot.pools.get(id)?.record, fields);
      return { kind: 'pool', id, stored: { record, revision: snapshot.revision + 1n } };
    }),
  );

export const withNetwork = (snapshot: Snapshot, fields: MessageInitShape<typeof NetworkSchema>): Snapshot => {
  const { network } = snapshot;
  if (network === undefined) throw new TypeError('no network');
  const stored = { record: Object.assign({ ...network.record }, fields), revision: snapshot.revision + 1n };
  return changed(snapshot, { kind: 'network', id: 'network', stored });
};

export const withQuota = (
  snapshot: Snapshot,
  owner: string,
  fields: MessageInitShape<typeof QuotaSchema>,
): Snapshot => {
  const record = create(QuotaSchema, { owner, ...fields });
  return changed(snapshot, { kind: 'quota', id: owner, stored: { record, revision: snapshot.revision + 1n } });
};

export const withReservation = (snapshot: Snapshot, poolId: string, prefix: string, owner = ''): Snapshot => {
  const record = create(ReservationSchema, { poolId, prefix, owner });
  const id = reservationId(poolId, prefix as Prefix);
  return changed(snapshot, { kind: 'reservation', id, stored: { record, revision: snapshot.revision + 1n } });
};
