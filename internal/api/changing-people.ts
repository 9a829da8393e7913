// Changing people: the way of a change of an account from its request to its commit.

import type {
  DescMessage,
  DescMethod,
  DescMethodUnary,
  Message,
  MessageInitShape,
  MessageShape,
} from '@bufbuild/protobuf';
import { isRefusal, type Refusal } from '#internal/errors/errors.ts';
import type { Change, Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import type { People, PeopleContext } from '#internal/people/people.ts';
import { type Call, principalName, Refused } from '#internal/rpc/rpc.ts';
import { granted, type ServiceContext } from './service.ts';
import { elsewhere } from './who.ts';

/** Milliseconds that an answer waits until this daemon itself has heard of the change; it is a few. */
const heardWithinMs = 500;

/** The accounts as this daemon has them. @throws Fault `unavailable` */
export function peopleOf({ people, cores }: ServiceContext): People {
  const known = people.snapshot();
  if (known === undefined) throw elsewhere(cores());
  return known;
}

interface Wanted<I extends DescMessage, O extends DescMessage> {
  readonly method: DescMethod;
  /** What is remembered of the request: a message without secrets. */
  readonly input: I;
  readonly request: MessageShape<I> & { change?: Change | undefined };
  /** As it came, for whose the thing is that it names. */
  readonly asked: Message;
  readonly output: O;
  readonly call: Pick<Call, 'principal' | 'signal'>;
  readonly decide: (
    people: People,
    context: PeopleContext,
  ) => Refusal | { readonly decision: Decision; readonly response: MessageInitShape<O> };
}

/** @throws Refused, and Faults as Submit does */
export async function changePeople<I extends DescMessage, O extends DescMessage>(
  context: ServiceContext,
  { method, input, request, asked, output, call, decide }: Wanted<I, O>,
): Promise<MessageShape<O> & { changed: Changed }> {
  peopleOf(context);
  const { clock, newId, keeper, head } = context;
  const { principal, signal } = call;
  const { response, changed } = granted(
    await context.submitPeople<I, O>({
      method: `/${method.parent.typeName}/${method.name}`,
      input,
      output,
      request,
      principal,
      signal,
      decide: () => {
        const refusal = keeper.on(head.snapshot(), principal, method, asked);
        return refusal ?? decide(peopleOf(context), { principal: principalName(principal), now: clock.wall(), newId });
      },
    }),
  );
  // So that whoever calls here next is known by what was just changed.
  if (changed.revision !== 0n) await heard(context, changed.revision);
  return Object.assign(response, { changed });
}

async function heard({ people, clock }: ServiceContext, revision: bigint): Promise<void> {
  const over = new AbortController();
  const reached = people.reached(revision, over.signal).catch(() => undefined);
  await Promise.race([reached, clock.sleep(heardWithinMs, over.signal).catch(() => undefined)]);
  over.abort(new Error('heard, or late'));
}

/** The value, or the refusal as an exception. */
export function orRefused<T>(outcome: Refusal | T): T {
  if (isRefusal(outcome)) throw new Refused(outcome);
  return outcome;
}

/** What a change's descriptor says of it. */
export const wayOf = <I extends DescMessage, O extends DescMessage>(method: DescMethodUnary<I, O>) => ({
  ...{ method, input: method.input, output: method.output },
});
