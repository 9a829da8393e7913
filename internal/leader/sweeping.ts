// Sweeping: the leader of a pool frees what has been in quarantine for its time.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#internal/clock/clock.ts';
import { sweepPool } from '#internal/command/command.ts';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import { type LeaderFence, openGroup } from '#internal/store/store.ts';
import type { LaneStore } from '#internal/submit/submit.ts';

export interface SweepingParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly snapshot: () => Snapshot;
  readonly store: Pick<LaneStore, 'commitGroup'>;
  /** Of the pools that this daemon leads. */
  readonly fences: () => readonly LeaderFence[];
  readonly newId: () => string;
  /** Hears of commits that failed; what they were to free is freed the next time. */
  readonly failed: (thrown: unknown, poolId: string) => void;
}

/** Milliseconds: a prefix is in quarantine for hours, and may as well be for some seconds more. */
const everyMs = 10_000;

/** Ends by its signal. */
export async function sweepAgainAndAgain(parts: SweepingParts, signal: AbortSignal): Promise<void> {
  const { clock } = parts;
  while (!signal.aborted) {
    for (const fence of parts.fences()) {
      try {
        await sweep(parts, fence);
      } catch (thrown) {
        parts.failed(thrown, fence.poolId);
      }
    }
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}

/** Whatever is due, a transaction at a time; a conflict leaves the rest for the next time. */
async function sweep({ nodeId, clock, snapshot, store, newId }: SweepingParts, fence: LeaderFence): Promise<void> {
  const decision = sweepPool(snapshot(), fence.poolId, clock.wall());
  if (decision === undefined) return;
  const operation = create(OperationSchema, {
    requestId: newId(),
    principal: `node/${nodeId}`,
    method: 'sweep',
    at: timestampFromDate(clock.wall()),
    nodeId,
  });
  const group = openGroup(fence);
  group.add(decision, operation);
  await store.commitGroup(group);
}
