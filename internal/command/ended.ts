// Ended: the holdings that a decision ends, for those who ask later who had an address.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Allocation, HoldingSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { holderOf, type Snapshot } from '#internal/model/model.ts';
import type { Decision, Ended, Write } from '#internal/model/record.ts';

/**
 * The decision with what it ends. One place for all commands: an allocation is rewritten by many, and each compares it
 * with what stands in the snapshot, so that what is said of it here is true if it commits. O(writes).
 */
export function withEnded(snapshot: Snapshot, decision: Decision, now: Date): Decision {
  const ended = decision.writes.flatMap((write) => endedBy(snapshot, write, now) ?? []);
  return ended.length === 0 ? decision : { ...decision, ended };
}

function endedBy(snapshot: Snapshot, write: Write, now: Date): Ended | undefined {
  if (write.kind !== 'allocation') return undefined;
  const before = snapshot.allocations.get(write.id);
  // Quarantine is no holding: its owner was told of when it began.
  if (before === undefined || holderOf(before.record) === 'quarantine') return undefined;
  const { record } = before;
  if (write.op === 'put' && sameHolder(record, write.record)) return undefined;
  const since = record.createdAt;
  // A daemon's clock may be behind the one that gave it.
  const untilMs = Math.max(now.getTime(), since === undefined ? 0 : timestampMs(since));
  const holding = create(HoldingSchema, {
    prefix: record.prefix,
    poolId: record.poolId,
    realmId: snapshot.pools.get(record.poolId)?.record.realmId ?? '',
    owner: record.owner,
    tunnelId: record.tunnelId,
    tunnelName: snapshot.tunnels.get(record.tunnelId)?.record.name ?? '',
    delegatedPoolId: record.delegatedPoolId,
    ...(since && { since }),
    until: timestampFromMs(untilMs),
  });
  return { holding, revision: before.revision };
}

function sameHolder(a: Allocation, b: Allocation): boolean {
  return (
    holderOf(a) === holderOf(b) &&
    a.owner === b.owner &&
    a.tunnelId === b.tunnelId &&
    a.delegatedPoolId === b.delegatedPoolId
  );
}
