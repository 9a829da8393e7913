// Allocate many: a stream of allocations. Whatever comes within a turn of the event loop is answered together.

import { create } from '@bufbuild/protobuf';
import { Fault, messageOf } from '#internal/errors/errors.ts';
import {
  type AllocateCall,
  type AllocateManyRequest,
  type AllocateManyResponse,
  AllocateManyResponseSchema,
  type AllocateOutcome,
  AllocateOutcomeSchema,
  type AllocateRequest,
  AllocateRequestSchema,
  type AllocateResponse,
} from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FaultDetailSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import { type Call, createOutbox, Refused, refusalDetail } from '#internal/rpc/rpc.ts';

export type AllocateOne = (
  request: AllocateRequest,
  call: Pick<Call, 'principal' | 'signal'>,
) => Promise<AllocateResponse>;

// Of about 200 bytes each.
const mostInAMessage = 1_000;
// Requests of one stream that are carried out, or whose answers nobody takes; the rest waits unread, in the stream.
const mostUnanswered = 1_024;

/** @param unexpected hears of exceptions that no caller may see */
export function allocateMany(one: AllocateOne, unexpected: (thrown: unknown) => void) {
  return async function* (
    incoming: AsyncIterable<AllocateManyRequest>,
    call: Call,
  ): AsyncGenerator<AllocateManyResponse, void, undefined> {
    const outcomes = createOutbox<AllocateOutcome>(mostInAMessage);
    let unanswered = 0;
    let fewer: () => void = () => {};

    async function carryOut({ tag, request }: AllocateCall): Promise<void> {
      outcomes.push(await outcomeOf(tag, one(request ?? create(AllocateRequestSchema), call), unexpected));
    }
    async function until(most: number): Promise<void> {
      while (unanswered > most) {
        await new Promise<void>((resolve) => {
          fewer = resolve;
        });
      }
    }
    async function read(): Promise<void> {
      try {
        for await (const { calls } of incoming) {
          for (const each of calls) {
            if (unanswered === mostUnanswered) await until(mostUnanswered - 1);
            unanswered += 1;
            void carryOut(each);
          }
        }
        await until(0);
      } finally {
        outcomes.end();
      }
    }

    read().catch(() => undefined);
    for await (const some of outcomes.batches()) {
      yield create(AllocateManyResponseSchema, { outcomes: [...some] });
      // Sent, or as good as: whoever does not read his answers is not read either.
      unanswered -= some.length;
      fewer();
    }
  };
}

async function outcomeOf(
  tag: bigint,
  answer: Promise<AllocateResponse>,
  unexpected: (thrown: unknown) => void,
): Promise<AllocateOutcome> {
  try {
    return create(AllocateOutcomeSchema, { tag, outcome: { case: 'granted', value: await answer } });
  } catch (thrown) {
    if (thrown instanceof Refused) {
      const value = refusalDetail(thrown.refusal);
      return create(AllocateOutcomeSchema, { tag, outcome: { case: 'refusal', value } });
    }
    const known = thrown instanceof Fault && ['unavailable', 'pending', 'cancelled'].includes(thrown.code);
    if (!known) unexpected(thrown);
    const value = known
      ? create(FaultDetailSchema, { code: thrown.code, message: messageOf(thrown) })
      : create(FaultDetailSchema, { code: 'internal', message: 'internal fault; the daemon logged it' });
    return create(AllocateOutcomeSchema, { tag, outcome: { case: 'fault', value } });
  }
}
