// Service: what the handlers of all services are made of.

import type { DescMessage, MessageShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type { CommandContext, Decided } from '#internal/command/command.ts';
import { Fault, isRefusal, type Refusal } from '#internal/errors/errors.ts';
import { type Change, type Freshness, FreshnessSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Call, Handlers } from '#internal/rpc/rpc.ts';
import { principalName, Refused } from '#internal/rpc/rpc.ts';
import type { Latest, Submit } from '#internal/submit/submit.ts';
import type { ApiParts } from './api.ts';

export interface ServiceContext extends ApiParts {
  readonly submit: Submit;
  readonly latest: Latest;
  readonly newId: () => string;
  readonly random: () => number;
}

export type HandlersOf<S> = S extends GenService<infer M extends GenServiceMethods> ? Handlers<M> : never;

/** A refusal leaves a handler as an exception. */
export function granted<T>(outcome: Refusal | T): T {
  if (isRefusal(outcome)) throw new Refused(outcome);
  return outcome;
}

export function freshness({ head, store }: ServiceContext): Freshness {
  return create(FreshnessSchema, { revision: head.snapshot().revision, stale: !store.contact().connected });
}

function localPopId({ head, config }: ServiceContext): string {
  return head.snapshot().nodes.get(config.nodeId)?.record.popId ?? '';
}

interface Method<I extends DescMessage, O extends DescMessage> {
  readonly input: I;
  readonly output: O;
  readonly name: string;
  readonly parent: { readonly typeName: string };
}
type Answer = { readonly tunnel?: object | undefined; readonly pool?: object | undefined };

/** The handler of a method that changes something: its command, submitted. */
export function changing<I extends DescMessage, O extends DescMessage>(
  context: ServiceContext,
  method: Method<I, O>,
  command: (
    snapshot: Snapshot,
    request: MessageShape<I>,
    context: CommandContext,
  ) => Refusal | Decided<MessageShape<O>>,
): (request: MessageShape<I> & { change?: Change | undefined }, call: Call) => Promise<MessageShape<O>> {
  const { clock, head, newId, random } = context;
  return async (request, { principal, signal }) => {
    const { response, changed } = granted(
      await context.submit<I, O>({
        method: `/${method.parent.typeName}/${method.name}`,
        input: method.input,
        output: method.output,
        request,
        principal,
        signal,
        decide: (snapshot, inFlight) =>
          command(snapshot, request, {
            principal: principalName(principal),
            now: clock.wall(),
            newId,
            random,
            inFlight: withHidden(inFlight, context.store.quarantined()),
            freeIndex: head.freeIndex(),
            localPopId: localPopId(context),
          }),
      }),
    );
    // Every answer to a change has `changed`, and some the changed record with its etag (common.proto).
    const answer = Object.assign(response, { changed }) as MessageShape<O> & Answer;
    // Only the commit gives the record's revision.
    const etag = changed.revision === 0n ? '' : String(changed.revision);
    if (answer.tunnel !== undefined) Object.assign(answer.tunnel, { etag });
    if (answer.pool !== undefined) Object.assign(answer.pool, { etag });
    return answer;
  };
}

const allocationKeys = '/pop44/v1/allocation/';

/**
 * An allocation that cannot be read is not in the snapshot, yet its key is taken: without this the search would offer
 * its address again and again, and every commit would conflict.
 */
function withHidden(inFlight: ReadonlySet<string>, quarantined: readonly string[]): ReadonlySet<string> {
  const hidden = quarantined
    .filter((key) => key.startsWith(allocationKeys))
    .map((key) => key.slice(allocationKeys.length));
  return hidden.length === 0 ? inFlight : new Set([...inFlight, ...hidden]);
}

/**
 * Finds in the snapshot, and where that has nothing, in the newest there is: what was created at another daemon a
 * moment ago is there. Without the store the snapshot's word stands.
 */
export async function found<T>(
  context: ServiceContext,
  signal: AbortSignal,
  find: (snapshot: Snapshot) => T | Refusal,
): Promise<T> {
  const first = find(context.head.snapshot());
  if (!isRefusal(first) || first.refused !== 'not-found') return granted(first);
  try {
    await context.latest(signal);
  } catch (thrown) {
    if (!(thrown instanceof Fault) || thrown.code !== 'unavailable') throw thrown;
  }
  return granted(find(context.head.snapshot()));
}
