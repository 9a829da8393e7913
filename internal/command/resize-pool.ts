import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { ResizePoolRequest, ResizePoolResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function resizePool(
  _snapshot: Snapshot,
  _request: ResizePoolRequest,
  _context: CommandContext,
): Refusal | Decided<ResizePoolResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
