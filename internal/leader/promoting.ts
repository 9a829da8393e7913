// Promoting: a tunnel's next key has shaken hands on this node, and becomes its key in the store, for all nodes.
//
// The privileged half has moved the addresses by then: nobody waits for this, and without the store it is tried on.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#internal/clock/clock.ts';
import { promoteKey } from '#internal/command/command.ts';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Head, LaneStore } from '#internal/submit/submit.ts';

export interface PromotingParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly head: Pick<Head, 'snapshot' | 'reached'>;
  readonly store: Pick<LaneStore, 'commit'>;
  readonly newId: () => string;
  /** Hears of commits that failed; they are tried again. */
  readonly failed: (thrown: unknown) => void;
}

export interface Promoter {
  /** Public keys that have shaken hands here, of whatever peers. O(keys). */
  shook(publicKeys: readonly string[]): void;
}

/** Milliseconds: the first try comes at once; the store may be away for long. */
const retryMs = 1_000;

/** Ends by its signal. */
export function createPromoter(parts: PromotingParts, signal: AbortSignal): Promoter {
  const { head } = parts;
  const waiting = new Set<string>();
  let working = false;

  async function work(): Promise<void> {
    working = true;
    while (waiting.size > 0 && !signal.aborted) {
      for (const publicKey of waiting) {
        try {
          if (await promoted(parts, publicKey, signal)) waiting.delete(publicKey);
        } catch (thrown) {
          if (!signal.aborted) parts.failed(thrown);
        }
      }
      if (waiting.size > 0) await parts.clock.sleep(retryMs, signal).catch(() => undefined);
    }
    working = false;
  }

  return {
    shook: (publicKeys) => {
      for (const publicKey of publicKeys)
        if (promoteKey(head.snapshot(), publicKey) !== undefined) waiting.add(publicKey);
      if (waiting.size > 0 && !working) void work();
    },
  };
}

/** Whether there is nothing more to do: it is the tunnel's key, or not its next one any more. */
async function promoted(
  { nodeId, clock, head, store, newId }: PromotingParts,
  publicKey: string,
  signal: AbortSignal,
): Promise<boolean> {
  const decision = promoteKey(head.snapshot(), publicKey);
  if (decision === undefined) return true;
  const operation = create(OperationSchema, {
    requestId: newId(),
    principal: `node/${nodeId}`,
    method: 'promote-key',
    at: timestampFromDate(clock.wall()),
    nodeId,
  });
  const { outcome, revision } = await store.commit(decision, operation);
  // What another daemon did, or an admin meanwhile, is in the next snapshot.
  await head.reached(revision, signal);
  return outcome === 'committed';
}
