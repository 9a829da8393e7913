import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { CreateReservationRequest, CreateReservationResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function createReservation(
  _snapshot: Snapshot,
  _request: CreateReservationRequest,
  _context: CommandContext,
): Refusal | Decided<CreateReservationResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
