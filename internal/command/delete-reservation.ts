import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { DeleteReservationRequest, DeleteReservationResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function deleteReservation(
  _snapshot: Snapshot,
  _request: DeleteReservationRequest,
  _context: CommandContext,
): Refusal | Decided<DeleteReservationResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
