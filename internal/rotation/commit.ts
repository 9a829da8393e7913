// Commit: a decision that no person asked for, in the name of the node.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import type { Clock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import type { Head, LaneStore } from '#internal/submit/submit.ts';

export interface CommitParts {
  readonly nodeId: string;
  readonly clock: Clock;
  readonly head: Pick<Head, 'snapshot' | 'reached'>;
  readonly store: Pick<LaneStore, 'commit'>;
  readonly newId: () => string;
}

/**
 * A conflict is no matter: the next look sees what the other did.
 * @param elsewhere where this daemon may not write such a record (roles of etcd); gives the revision
 */
export async function commit(
  { nodeId, clock, head, store, newId }: CommitParts,
  { decision, method }: { readonly decision: Decision; readonly method: string },
  signal: AbortSignal,
  elsewhere: () => Promise<bigint>,
): Promise<void> {
  const operation = create(OperationSchema, {
    requestId: newId(),
    principal: `node/${nodeId}`,
    method,
    at: timestampFromDate(clock.wall()),
    nodeId,
  });
  const committed = store.commit(decision, operation).then(({ revision }) => revision);
  const revision = await committed.catch((thrown: unknown) => {
    // etcd/failure.ts: it looked at the transaction and said no.
    if (!(thrown instanceof Fault) || thrown.code !== 'rejected') throw thrown;
    return elsewhere();
  });
  await head.reached(revision, signal);
}
