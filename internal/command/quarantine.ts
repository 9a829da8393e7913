// Quarantine: where a released prefix waits, so that nobody hears the traffic of its last owner.

import { clone } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type Allocation, AllocationSchema, type Pool } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type Snapshot, splitId } from '#internal/model/model.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Prefix, parsePrefix } from '#internal/netip/netip.ts';
import type { Draft } from './draft.ts';
import { count, useOf } from './quota-use.ts';

/** Longer than the TTL of nearly any DNS record, and than BGP remembers a flap (RFC 2439: an hour). */
const defaultQuarantineSeconds = 86_400;

export const quarantineSecondsOf = (pool: Pool): number => pool.quarantineSeconds ?? defaultQuarantineSeconds;

export interface Released {
  readonly id: string;
  readonly allocation: Stored<Allocation>;
}

/**
 * Has the draft release the allocations: into the quarantine of their pools, or at once where a pool has none; and give
 * their owners' quotas back.
 */
export function quarantine(snapshot: Snapshot, draft: Draft, released: readonly Released[], now: Date): void {
  for (const { id, allocation } of released) {
    draft.read('allocation', id, allocation);
    const pool = snapshot.pools.get(splitId(id)?.poolId ?? '')?.record;
    const seconds = pool === undefined ? 0 : quarantineSecondsOf(pool);
    if (seconds === 0) {
      draft.write({ op: 'delete', kind: 'allocation', id });
      continue;
    }
    // The stored message, so that fields of a newer daemon survive.
    const record = clone(AllocationSchema, allocation.record);
    record.tunnelId = '';
    record.quarantinedUntil = timestampFromMs(now.getTime() + seconds * 1_000);
    draft.write({ op: 'put', kind: 'allocation', id, record });
  }
  const owners = Map.groupBy(released, ({ allocation }) => allocation.record.owner);
  for (const [owner, some] of owners) {
    const { used4, used6 } = useOf(some.flatMap(({ allocation }) => prefixOf(allocation.record)));
    count(snapshot, draft, { owner, use: { used4: -used4, used6: -used6 } });
  }
}

function prefixOf(allocation: Allocation): readonly Prefix[] {
  const prefix = parsePrefix(allocation.prefix);
  return typeof prefix === 'string' ? [prefix] : [];
}
