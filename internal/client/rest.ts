// Rest: a daemon that says that it takes no more calls of a kind for a moment is not asked again before. Of a site that strangers
// flood through its pages it would refuse each one by one, which costs those who are served meanwhile more than to serve a few.

import type { DescMethod } from '@bufbuild/protobuf';
import type { Clock } from '#internal/clock/clock.ts';
import { type CallOptions, Refused } from '#internal/rpc/rpc.ts';

export type UntypedCall = (request: unknown, options?: CallOptions) => unknown;

/** A daemon cannot send somebody away for longer, whatever it says. Milliseconds. */
const longestMs = 1_000;

/** One daemon's call, which throws what it last refused, while that says so (RefusalDetail.rest_ms). Streams are as they were. */
export function withRest(method: DescMethod, call: UntypedCall, clock: Clock): UntypedCall {
  if (method.methodKind !== 'unary') return call;
  let refused: Refused | undefined;
  let untilMs = Number.NEGATIVE_INFINITY;
  return async (request, options) => {
    if (refused !== undefined && clock.monotonicMs() < untilMs) throw new Refused(refused.refusal);
    try {
      return await call(request, options);
    } catch (thrown) {
      const restMs = thrown instanceof Refused ? (thrown.refusal.restMs ?? 0) : 0;
      if (thrown instanceof Refused && restMs > 0) {
        refused = thrown;
        untilMs = clock.monotonicMs() + Math.min(restMs, longestMs);
      }
      throw thrown;
    }
  };
}
