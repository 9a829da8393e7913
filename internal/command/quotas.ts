import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type { SetQuotaRequest, SetQuotaResponse } from '#internal/gen/pop44/v1/pools_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { CommandContext, Decided } from './context.ts';

export function setQuota(
  _snapshot: Snapshot,
  _request: SetQuotaRequest,
  _context: CommandContext,
): Refusal | Decided<SetQuotaResponse> {
  return refuse('not-ready', { problem: 'is not served yet', cure: 'wait' });
}
