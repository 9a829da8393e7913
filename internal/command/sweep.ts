// Sweep: prefixes that have been in quarantine for their time become free.

import { timestampMs } from '@bufbuild/protobuf/wkt';
import { type Snapshot, splitId } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { Draft } from './draft.ts';

// etcd takes 128 operations a transaction; audit, operation and fence are among them.
const mostFreed = 100;

/**
 * Deletes what is due in the pool, the lowest keys first; undefined when nothing is. Each key is compared, and nothing
 * else: whoever took one up again meanwhile has rewritten it. O(what is in quarantine).
 */
export function sweepPool(snapshot: Snapshot, poolId: string, now: Date): Decision | undefined {
  if (!snapshot.poolUse.get(poolId)?.quarantined) return undefined;
  const due: string[] = [];
  for (const [id, { record }] of snapshot.quarantined) {
    if (record.quarantinedUntil === undefined || timestampMs(record.quarantinedUntil) > now.getTime()) continue;
    if (splitId(id)?.poolId === poolId) due.push(id);
  }
  if (due.length === 0) return undefined;
  const draft = new Draft();
  for (const id of due.sort().slice(0, mostFreed)) {
    draft.read('allocation', id, snapshot.allocations.get(id));
    draft.write({ op: 'delete', kind: 'allocation', id });
  }
  return draft.decision();
}
