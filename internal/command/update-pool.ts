import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { UpdatePoolRequest, UpdatePoolResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function updatePool(
  _snapshot: Snapshot,
  _request: UpdatePoolRequest,
  _context: CommandContext,
): Refusal | Decided<UpdatePoolResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
