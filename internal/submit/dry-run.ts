// Dry run: what is told of a decision that is not committed: its record changes, and what nodes would do.

import type { MessageInitShape } from '@bufbuild/protobuf';
import { setImmediate } from 'node:timers/promises';
import type { ChangedSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import type { Principal } from '#internal/rpc/rpc.ts';
import type { Budget } from './budget.ts';
import { decisionLines, personLines } from './lines.ts';
import type { Foresight } from './submission.ts';

interface DryRun {
  readonly foresight: Foresight | undefined;
  readonly principal: Principal;
  /** That the decision was made on. */
  readonly snapshot: Snapshot;
  readonly decision: Decision;
  readonly budget: Budget;
}

/** Others run between its pieces. */
export async function dryRun({
  foresight,
  principal,
  snapshot,
  decision,
  budget,
}: DryRun): Promise<Pick<MessageInitShape<typeof ChangedSchema>, 'decision' | 'plan' | 'planUnseen'>> {
  const lines = decisionLines(decision);
  if (foresight?.isFor(principal) !== true) return { decision: lines };
  const pieces = foresight.of(snapshot, decision);
  for (;;) {
    // The decision is told in time in any case.
    const piece = pieces.next(budget.ended !== undefined);
    if (piece.done === true) {
      const { nodes, unseen } = piece.value;
      const plan = nodes.map(({ nodeId, steps, more }) => ({ nodeId, steps: [...steps], more: BigInt(more) }));
      return { decision: [...lines, ...personLines(decision)], plan, planUnseen: BigInt(unseen) };
    }
    await setImmediate();
  }
}
