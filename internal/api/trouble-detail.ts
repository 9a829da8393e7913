// Trouble detail: what a handler threw, inside an answer that goes on.

import { create } from '@bufbuild/protobuf';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import { type FaultDetail, FaultDetailSchema, type RefusalDetail } from '#internal/gen/pop44/v1/common_pb.ts';
import { Refused, refusalDetail } from '#internal/rpc/rpc.ts';

export type TroubleDetail =
  | { readonly case: 'refusal'; readonly value: RefusalDetail }
  | { readonly case: 'fault'; readonly value: FaultDetail };

/** @param unexpected hears of exceptions that no caller may see */
export function troubleDetail(thrown: unknown, unexpected: (thrown: unknown) => void): TroubleDetail {
  if (thrown instanceof Refused) return { case: 'refusal', value: refusalDetail(thrown.refusal) };
  const known = thrown instanceof Fault && ['unavailable', 'pending', 'cancelled'].includes(thrown.code);
  if (!known) unexpected(thrown);
  const value = known
    ? create(FaultDetailSchema, { code: thrown.code, message: messageOf(thrown) })
    : create(FaultDetailSchema, { code: 'internal', message: 'internal fault; the daemon logged it' });
  return { case: 'fault', value };
}
