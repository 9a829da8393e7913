// Outcome: what became of a decision.

import type { Fault } from '#internal/errors/errors.ts';
import type { Operation } from '#internal/gen/pop44/store/v1/records_pb.ts';

export type CommitOutcome =
  | { readonly outcome: 'committed'; readonly revision: bigint }
  /** A record was changed meanwhile; the revision is one at which that is to be seen. */
  | { readonly outcome: 'conflict'; readonly revision: bigint }
  /** The request id was used before; the answer then given, and the revision of its commit. */
  | { readonly outcome: 'repeated'; readonly revision: bigint; readonly operation: Operation }
  /** The group's fence does not hold any more: nothing was written. */
  | { readonly outcome: 'deposed'; readonly revision: bigint }
  /** The request id was used before, and the answer then given cannot be read. Of a group only: commit throws the fault. */
  | { readonly outcome: 'unreadable'; readonly revision: bigint; readonly fault: Fault };

export interface Remembered {
  readonly operation: Operation;
  /** Of its commit. */
  readonly revision: bigint;
}
