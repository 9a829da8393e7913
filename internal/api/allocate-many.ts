// Allocate many: a stream of allocations. Whatever comes within a turn of the event loop is answered together.

import { create } from '@bufbuild/protobuf';
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
import { type Call, createOutbox } from '#internal/rpc/rpc.ts';
import { troubleDetail } from './trouble-detail.ts';

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
    return create(AllocateOutcomeSchema, { tag, outcome: troubleDetail(thrown, unexpected) });
  }
}
