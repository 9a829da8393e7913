import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { DelegatePoolRequest, DelegatePoolResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function delegatePool(
  _snapshot: Snapshot,
  _request: DelegatePoolRequest,
  _context: CommandContext,
): Refusal | Decided<DelegatePoolResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
