// Carry out: the leader's end of a stream of forwarded requests.

import { create } from '@bufbuild/protobuf';
import { Fault, isRefusal, messageOf, type Refusal } from '#internal/errors/errors.ts';
import { FaultDetailSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import {
  type ForwardedAnswer,
  ForwardedAnswerSchema,
  type ForwardedCommand,
  type ForwardRequest,
  type ForwardResponse,
  ForwardResponseSchema,
  GrantedCommandSchema,
} from '#internal/gen/pop44/v1/leader_pb.ts';
import { type Call, createOutbox, refusalDetail } from '#internal/rpc/rpc.ts';
import type { Forwarded, LeaderAnswer } from '#internal/submit/submit.ts';

/** @throws Fault as Submit does, and `not-leader` */
export type CarryOut = (forwarded: Forwarded, signal: AbortSignal) => Promise<LeaderAnswer>;

// Of about 300 bytes each: far below the message limit.
export const mostInAMessage = 500;

export async function* carriedOut(
  incoming: AsyncIterable<ForwardRequest>,
  { signal }: Pick<Call, 'signal'>,
  carryOut: (method: string) => CarryOut | undefined,
): AsyncGenerator<ForwardResponse, void, undefined> {
  const answers = createOutbox<ForwardedAnswer>(mostInAMessage);
  const reading = (async () => {
    try {
      for await (const { commands } of incoming) {
        for (const command of commands) void answerTo(command, carryOut, signal).then(answers.push);
      }
    } finally {
      answers.end();
    }
  })();
  reading.catch(() => undefined);
  for await (const some of answers.batches()) yield create(ForwardResponseSchema, { answers: [...some] });
}

async function answerTo(
  command: ForwardedCommand,
  carryOut: (method: string) => CarryOut | undefined,
  signal: AbortSignal,
): Promise<ForwardedAnswer> {
  const { tag } = command;
  const carry = carryOut(command.method);
  // No method that a leader decides, or none that this older daemon knows: whoever took the request carries it out.
  if (carry === undefined) return create(ForwardedAnswerSchema, { tag, outcome: { case: 'notLeader', value: true } });
  try {
    return granted(tag, await carry(command, signal));
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === 'not-leader')
      return create(ForwardedAnswerSchema, { tag, outcome: { case: 'notLeader', value: true } });
    const code = thrown instanceof Fault ? thrown.code : 'internal';
    const value = create(FaultDetailSchema, { code, message: messageOf(thrown) });
    return create(ForwardedAnswerSchema, { tag, outcome: { case: 'fault', value } });
  }
}

function granted(tag: bigint, answer: Refusal | Exclude<LeaderAnswer, Refusal>): ForwardedAnswer {
  if (isRefusal(answer)) {
    return create(ForwardedAnswerSchema, { tag, outcome: { case: 'refusal', value: refusalDetail(answer) } });
  }
  const value = create(GrantedCommandSchema, { response: answer.response, changed: answer.changed });
  return create(ForwardedAnswerSchema, { tag, outcome: { case: 'granted', value } });
}
