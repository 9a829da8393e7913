// Quotas: how much an owner may hold, or everyone who has no quota.
//
// A count of what an owner holds is right only if nothing came or went since the snapshot. Allocations and releases of an
// owner compare and rewrite its quota's record; where there is none they compare the network's record, which is rewritten
// when one is made. So a count under a record that stood in the snapshot is right when that record is unchanged at commit;
// a count of a record that is only being made may miss what was committed since the snapshot. Hence two steps: openQuota makes the record, without limits, and
// setQuota, on a snapshot that shows it, counts and sets them.

import { clone, create } from '@bufbuild/protobuf';
import type { Refusal } from '#internal/errors/errors.ts';
import type * as store from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Network, NetworkSchema, QuotaSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import {
  type Quota,
  type SetQuotaRequest,
  type SetQuotaResponse,
  SetQuotaResponseSchema,
} from '#internal/gen/pop44/v1/pools_pb.ts';
import { networkId, type Snapshot } from '#internal/model/model.ts';
import { type CommandContext, type Decided, notReady, staleEtag } from './context.ts';
import { Draft } from './draft.ts';
import { ownerField } from './fields.ts';
import { usedBy } from './quota-use.ts';
import { toQuota } from './view.ts';

/**
 * An empty owner: the default. A limit of tunnels stays unless it is named: it came later than those who set the others.
 * Refuses `invalid`, `stale-etag`. O(allocations).
 */
export function setQuota(
  snapshot: Snapshot,
  request: SetQuotaRequest,
  _context: CommandContext,
): Refusal | Decided<SetQuotaResponse> {
  if (request.owner === '') return setDefault(snapshot, request);
  const { owner, limit4, limit6 } = request;
  const stored = snapshot.quotas.get(owner);
  const refusal =
    notReady(snapshot) ?? ownerField('quota.owner', owner) ?? staleEtag(request.change, stored?.revision ?? 0n);
  if (refusal !== undefined) return refusal;
  // The stored message, so that fields of a newer daemon survive; counted anew, which also mends what a hand wrote.
  const record = stored === undefined ? create(QuotaSchema, { owner }) : clone(QuotaSchema, stored.record);
  delete record.limit4;
  delete record.limit6;
  Object.assign(
    record,
    usedBy(snapshot, owner),
    limit4 !== undefined && { limit4 },
    limit6 !== undefined && { limit6 },
  );
  if (request.noLimitTunnels) delete record.limitTunnels;
  if (request.limitTunnels !== undefined) record.limitTunnels = request.limitTunnels;
  const draft = new Draft();
  draft.read('quota', owner, stored);
  if (stored === undefined) tellEverybody(snapshot, draft);
  draft.write({ op: 'put', kind: 'quota', id: owner, record });
  return { decision: draft.decision(), response: create(SetQuotaResponseSchema, { quota: quotaOf(snapshot, record) }) };
}

/** Makes the record of an owner who has none, without limits of its own; of one who has one nothing is changed. */
export function openQuota(
  snapshot: Snapshot,
  request: SetQuotaRequest,
  _context: CommandContext,
): Refusal | Decided<SetQuotaResponse> {
  const { owner } = request;
  const stored = snapshot.quotas.get(owner);
  const refusal = notReady(snapshot) ?? ownerField('quota.owner', owner) ?? staleEtag(request.change, 0n);
  if (refusal !== undefined) return refusal;
  const draft = new Draft();
  draft.read('quota', owner, stored);
  if (stored === undefined) {
    const record = create(QuotaSchema, { owner, ...usedBy(snapshot, owner) });
    tellEverybody(snapshot, draft);
    draft.write({ op: 'put', kind: 'quota', id: owner, record });
  }
  return { decision: draft.decision(), response: create(SetQuotaResponseSchema) };
}

/** Who allocates for an owner without a quota compares this record, not that there is none. */
function tellEverybody({ network }: Snapshot, draft: Draft): void {
  draft.read('network', networkId, network);
  if (network !== undefined) draft.write({ op: 'put', kind: 'network', id: networkId, record: network.record });
}

// Allocations of an owner without limits of its own compare the network's record: none passes a new default unseen.
function setDefault(snapshot: Snapshot, request: SetQuotaRequest): Refusal | Decided<SetQuotaResponse> {
  const { network } = snapshot;
  const refusal = notReady(snapshot) ?? staleEtag(request.change, network?.revision ?? 0n);
  if (refusal !== undefined) return refusal;
  const record = clone(NetworkSchema, network?.record ?? create(NetworkSchema));
  delete record.defaultLimit4;
  delete record.defaultLimit6;
  if (request.limit4 !== undefined) record.defaultLimit4 = request.limit4;
  if (request.limit6 !== undefined) record.defaultLimit6 = request.limit6;
  if (request.noLimitTunnels) delete record.defaultLimitTunnels;
  if (request.limitTunnels !== undefined) record.defaultLimitTunnels = request.limitTunnels;
  const draft = new Draft();
  draft.read('network', networkId, network);
  draft.write({ op: 'put', kind: 'network', id: networkId, record });
  return {
    decision: draft.decision(),
    response: create(SetQuotaResponseSchema, { quota: defaultQuota(record) }),
  };
}

type Defaults = Partial<Pick<Network, 'defaultLimit4' | 'defaultLimit6' | 'defaultLimitTunnels'>>;

function defaultQuota({
  defaultLimit4: limit4,
  defaultLimit6: limit6,
  defaultLimitTunnels: limitTunnels,
}: Defaults): Quota {
  const limits = {
    ...(limit4 !== undefined && { limit4 }),
    ...(limit6 !== undefined && { limit6 }),
    ...(limitTunnels !== undefined && { limitTunnels }),
  };
  return toQuota(create(QuotaSchema, limits));
}

const quotaOf = ({ tunnelCounts }: Snapshot, record: store.Quota): Quota =>
  toQuota(record, tunnelCounts.get(record.owner));

/** The default first, then by owner. */
export function quotasOf(snapshot: Snapshot): Quota[] {
  const owners = [...snapshot.quotas.keys()].sort();
  const own = owners.flatMap((owner) => snapshot.quotas.get(owner)?.record ?? []);
  return [defaultQuota(snapshot.network?.record ?? {}), ...own.map((record) => quotaOf(snapshot, record))];
}
