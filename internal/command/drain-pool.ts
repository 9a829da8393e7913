import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { DrainPoolRequest, DrainPoolResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function drainPool(
  _snapshot: Snapshot,
  _request: DrainPoolRequest,
  _context: CommandContext,
): Refusal | Decided<DrainPoolResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
