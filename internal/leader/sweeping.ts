// Sweeping: the leader of a pool frees what has been in quarantine for its time, and slabs in which nothing lies, and
// ends blackholes whose time is over.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#internal/clock/clock.ts';
import { sweepBlackholes, sweepPool, uncutSlabs } from '#internal/command/command.ts';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { type LeaderFence, openGroup } from '#internal/store/store.ts';
import type { Head, LaneStore } from '#internal/submit/submit.ts';

export interface SweepingParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly head: Pick<Head, 'snapshot' | 'freeIndex' | 'reached'>;
  readonly store: Pick<LaneStore, 'commitGroup'>;
  /** Of the pools that this daemon leads. */
  readonly fences: () => readonly LeaderFence[];
  readonly newId: () => string;
  /** Hears of commits that failed; what they were to free is freed the next time. */
  readonly failed: (thrown: unknown, poolId: string) => void;
}

/** Milliseconds: a prefix is in quarantine for hours, and may as well be for some seconds more. */
const everyMs = 10_000;
/** Of a hundred prefixes each: other pools wait meanwhile. */
const mostRounds = 50;

/** Ends by its signal. */
export async function sweepAgainAndAgain(parts: SweepingParts, signal: AbortSignal): Promise<void> {
  const { clock } = parts;
  while (!signal.aborted) {
    for (const fence of parts.fences()) {
      try {
        for (let rounds = 0; rounds < mostRounds && (await sweep(parts, fence, signal)); rounds += 1);
      } catch (thrown) {
        parts.failed(thrown, fence.poolId);
      }
    }
    await clock.sleep(everyMs, signal).catch(() => undefined);
  }
}

/** One transaction of what is due; whether there may be more. A conflict leaves the rest for the next time. */
async function sweep(
  { nodeId, clock, head, store, newId }: SweepingParts,
  fence: LeaderFence,
  signal: AbortSignal,
): Promise<boolean> {
  const [snapshot, { poolId }] = [head.snapshot(), fence];
  const now = clock.wall();
  const decision =
    // Of any pool: of two leaders that see one end, one commits.
    sweepBlackholes(snapshot, now) ??
    sweepPool(snapshot, poolId, now) ??
    uncutSlabs(snapshot, head.freeIndex(), poolId);
  if (decision === undefined) return false;
  const operation = create(OperationSchema, {
    requestId: newId(),
    principal: `node/${nodeId}`,
    method: 'sweep',
    at: timestampFromDate(clock.wall()),
    nodeId,
  });
  const group = openGroup(fence);
  group.add(decision, operation);
  const [outcome] = await store.commitGroup(group);
  if (outcome?.outcome !== 'committed') return false;
  await head.reached(outcome.revision, signal);
  return true;
}
