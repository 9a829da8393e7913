// Service: what the handlers of all services are made of.

import type { DescMessage, DescMethod, DescMethodUnary, Message, MessageShape } from '@bufbuild/protobuf';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import { nothingUnseen, type Unseen } from '#internal/allocator/allocator.ts';
import type { CommandContext, Decided } from '#internal/command/command.ts';
import { Fault, isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { type Change, type Freshness, FreshnessSchema } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { Call, Handlers, Principal } from '#internal/rpc/rpc.ts';
import { principalName, principalNamed, Refused } from '#internal/rpc/rpc.ts';
import type { Forwarded, Latest, LeaderAnswer, Submission, Submit } from '#internal/submit/submit.ts';
import type { ApiParts } from './api.ts';
import type { Guessing } from './guessing.ts';
import type { Gatekeeper } from './policy.ts';

export interface ServiceContext extends ApiParts {
  readonly submit: Submit;
  readonly latest: Latest;
  readonly newId: () => string;
  readonly random: () => number;
  /** As submit, of accounts: what it waits for is the snapshot about people. */
  readonly submitPeople: Submit;
  /** Who may call what: asked of those, too, for whom another daemon speaks. */
  readonly keeper: Gatekeeper;
  readonly guessing: Guessing;
  /** Nodes whose daemons hold accounts. */
  readonly cores: () => readonly string[];
  /** By gRPC path: what a leader carries out for another daemon, the methods that are led and no others. */
  readonly commands: Map<string, CarryOut>;
}

/** @throws Fault as Submit, and `not-leader` */
export type CarryOut = (forwarded: Forwarded, signal: AbortSignal) => Promise<LeaderAnswer>;

export type HandlersOf<S> = S extends GenService<infer M extends GenServiceMethods> ? Handlers<M> : never;

/** A refusal leaves a handler as an exception. */
export function granted<T>(outcome: Refusal | T): T {
  if (isRefusal(outcome)) throw new Refused(outcome);
  return outcome;
}

export function freshness({ head, store }: ServiceContext): Freshness {
  return create(FreshnessSchema, { revision: head.snapshot().revision, stale: !store.contact().connected });
}

export function localPopId({ head, config }: ServiceContext): string {
  return head.snapshot().nodes.get(config.nodeId)?.record.popId ?? '';
}

/** What a command is given besides snapshot and request, where it chooses nothing out of a pool. */
export function commandContext(context: ServiceContext, principal: Principal): CommandContext {
  return {
    principal: principalName(principal),
    now: context.clock.wall(),
    newId: context.newId,
    random: always0,
    unseen: nothingUnseen,
    freeIndex: context.head.freeIndex(),
    localPopId: localPopId(context),
  };
}

type Answer = { readonly [K in 'tunnel' | 'pool' | 'reservation']?: object | undefined } & {
  readonly allocations?: readonly object[];
};

type Asked<I extends DescMessage> = MessageShape<I> & { change?: Change | undefined };
type Command<I extends DescMessage, O extends DescMessage> = (
  snapshot: Snapshot,
  request: MessageShape<I>,
  context: CommandContext,
) => Refusal | Decided<MessageShape<O>>;

/**
 * The handler of a method that changes something: its command, submitted.
 * @param led the pool whose leader decides such a request; without it every daemon does by itself
 */
export function changing<I extends DescMessage, O extends DescMessage>(
  context: ServiceContext,
  method: DescMethodUnary<I, O>,
  command: Command<I, O>,
  { led }: { readonly led?: (snapshot: Snapshot, request: MessageShape<I>) => string | undefined } = {},
): (request: Asked<I>, call: Pick<Call, 'principal' | 'signal'>) => Promise<MessageShape<O>> {
  const { clock, head, newId, random } = context;
  const path = `/${method.parent.typeName}/${method.name}`;
  const submission = (
    request: Asked<I>,
    { principal, signal }: Pick<Call, 'principal' | 'signal'>,
    popId: () => string,
  ): Submission<I, O> => ({
    method: path,
    input: method.input,
    output: method.output,
    request,
    principal,
    signal,
    ...(led && mayBeForwarded(context, principal) && { led: (snapshot: Snapshot) => led(snapshot, request) }),
    decide: (snapshot, unseen, alone) =>
      notItsOwn(context, snapshot, { principal, method, request }) ??
      command(snapshot, request, {
        principal: principalName(principal),
        now: clock.wall(),
        newId,
        random: alone ? random : always0,
        unseen: withHidden(unseen, context.store.quarantined()),
        freeIndex: head.freeIndex(),
        localPopId: popId(),
      }),
  });
  const carryOut: CarryOut = async ({ request, principal: name, requestId, localPopId: popId }, signal) => {
    const principal = principalNamed(name);
    if (principal === undefined) return nobody(name);
    const refusal = context.keeper.admit(principal, method);
    if (refusal !== undefined) return refusal;
    const own = submission(fromBinary(method.input, request) as Asked<I>, { principal, signal }, () => popId);
    const outcome = await context.submit<I, O>({ ...own, forwarded: { request, requestId } });
    if (isRefusal(outcome)) return outcome;
    return { response: outcome.bytes ?? toBinary(method.output, outcome.response), changed: outcome.changed };
  };
  // What every daemon decides by itself none forwards: whoever does wants to be somebody else.
  if (led !== undefined) context.commands.set(path, carryOut);
  return async (request, call) => {
    const { response, changed } = granted(
      await context.submit<I, O>(submission(request, call, () => localPopId(context))),
    );
    // Every answer to a change has `changed`, and some the changed record with its etag (common.proto).
    const answer = Object.assign(response, { changed }) as MessageShape<O> & Answer;
    // Only the commit gives the record's revision.
    const etag = changed.revision === 0n ? '' : String(changed.revision);
    for (const record of [answer.tunnel, answer.pool, answer.reservation, ...(answer.allocations ?? [])])
      if (record !== undefined) Object.assign(record, { etag });
    return answer;
  };
}

/**
 * A user's thing may have come to be another's since the door looked: who may do what with which is asked again of the
 * snapshot that is decided on. Of all others the door's word stands: nothing is anybody's to them.
 */
function notItsOwn(
  { keeper }: ServiceContext,
  snapshot: Snapshot,
  { principal, method, request }: { principal: Principal; method: DescMethod; request: Message },
): Refusal | undefined {
  return principal.kind === 'user' ? keeper.on(snapshot, principal, method, request) : undefined;
}

/** A leader knows a user by name alone, and takes it for no more than that: what is done in another role is done here. */
function mayBeForwarded({ keeper }: ServiceContext, principal: Principal): boolean {
  if (principal.kind !== 'user' || principal.bearer === undefined) return true;
  const actor = keeper.actor(principal);
  return !isRefusal(actor) && actor.role === 'user';
}

const nobody = (value: string): Refusal =>
  refuse('unauthenticated', { field: 'principal', value, problem: 'names no principal', cure: 'as admin/ada' });

// A leader takes the lowest: nobody else chooses at the same time.
const always0 = (): number => 0;

const allocationKeys = '/pop44/v1/allocation/';
const slabKeys = '/pop44/v1/slab/';

/**
 * An allocation or a slab that cannot be read is not in the snapshot, yet its key is taken: without this the search would
 * offer its address, or cut it, again and again, and every commit would conflict.
 */
function withHidden(unseen: Unseen, quarantined: readonly string[]): Unseen {
  const under = (folder: string): readonly string[] =>
    quarantined.filter((key) => key.startsWith(folder)).map((key) => key.slice(folder.length));
  const allocations = under(allocationKeys);
  const slabs = new Set(under(slabKeys));
  if (allocations.length === 0 && slabs.size === 0) return unseen;
  return {
    taken: new Set([...unseen.taken, ...allocations]),
    slab: (id) => (slabs.has(id) ? 'flying' : unseen.slab(id)),
  };
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
