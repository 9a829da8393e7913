// Implement: registers typed handlers of a service with a grpc-js server.

import type { EventEmitter } from 'node:events';
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescMethodUnary,
  type DescService,
  type Message,
  type MessageInitShape,
  type MessageShape,
} from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  Server,
  ServerDuplexStream,
  ServerWritableStream,
} from '@grpc/grpc-js';
import type { Refusal } from '#internal/errors/errors.ts';
import { Fault, refuse } from '#internal/errors/errors.ts';
import { type AnyCall, callerOf, type Presented, presentedBy } from './caller.ts';
import { deserializer, malformed, pathOf, serializer } from './definition.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Principal } from './principal.ts';
import { Refused, toStatus } from './status.ts';
import { received, send } from './stream.ts';

export interface Call {
  readonly principal: Principal;
  /** Aborted when the caller cancels, goes away or its deadline passes, and when the call has ended. */
  readonly signal: AbortSignal;
  readonly metadata: Metadata;
}

type HandlerOf<M extends GenServiceMethods[string]> = M['methodKind'] extends 'unary'
  ? (request: MessageShape<M['input']>, call: Call) => Promise<MessageInitShape<M['output']>>
  : M['methodKind'] extends 'server_streaming'
    ? (request: MessageShape<M['input']>, call: Call) => AsyncIterable<MessageInitShape<M['output']>>
    : M['methodKind'] extends 'bidi_streaming'
      ? (incoming: AsyncIterable<MessageShape<M['input']>>, call: Call) => AsyncIterable<MessageInitShape<M['output']>>
      : never;

/** One function for each method of the service; a Refused or a Fault that it throws reaches the caller as such. */
export type Handlers<M extends GenServiceMethods> = { readonly [K in keyof M]: HandlerOf<M[K]> };

/**
 * Whether the principal may call the method at all, and once the request is there, for what it names; looked up at every
 * call, before the handler, and at every message of a stream that it sends, which may last for months. Of a user's read it
 * is asked once more before the answer leaves: what it named may have come to be another's.
 */
export type Admit = (principal: Principal, method: DescMethod, request?: Message) => Refusal | undefined;

export interface ImplementOptions {
  readonly admit: Admit;
  /** Who calls, by what the call came with; without it, whom the certificate names. @throws Refused, Fault */
  readonly who?: (presented: Presented) => Principal;
  /** Puts the request as its principal means it: a user's names are names of its own. */
  readonly narrow?: (principal: Principal, method: DescMethod, request: Message) => void;
  /** Holds every stream while it is open. */
  readonly streams?: OpenStreams;
  /** Hears of every call. */
  readonly called?: (method: DescMethod) => void;
  /** Hears of exceptions that no caller may see: the caller got INTERNAL. `method` is the gRPC path. */
  readonly report: (thrown: unknown, method: string) => void;
}

// One for all calls: without a reason, abort() makes a DOMException with its stack for every call that ends.
const cut = new Fault('cancelled', 'the call has ended');

export function implement<M extends GenServiceMethods>(
  server: Server,
  service: GenService<M>,
  handlers: Handlers<M>,
  options: ImplementOptions,
): void {
  // The type of a method's handler follows from its descriptor; inside, both are spoken of as untyped messages.
  const untyped = handlers as unknown as Readonly<Record<string, UntypedHandler>>;
  for (const method of (service as unknown as DescService).methods) {
    const handler = untyped[method.localName];
    if (handler === undefined) throw new TypeError(`no handler of ${pathOf(method)}`);
    register(server, method, handler, options);
  }
}

type UntypedHandler = (input: unknown, call: Call) => unknown;

function register(server: Server, method: DescMethod, handler: UntypedHandler, options: ImplementOptions): void {
  const path = pathOf(method);

  /** Runs `work` for a call that may be made; gives the status of what was thrown, if anything. */
  const serve = async (call: AnyCall, work: (context: Call) => Promise<void>) => {
    const ended = new AbortController();
    // As the emitter that each kind of call is: the union of their typed on() cannot be called.
    (call as EventEmitter).on('cancelled', () => ended.abort(cut));
    if (call.cancelled) ended.abort(cut);
    let refused: Refusal | undefined;
    let forget: (() => void) | undefined;
    try {
      options.called?.(method);
      const principal = options.who === undefined ? callerOf(call) : options.who(presentedBy(call));
      admitted(principal, method, options.admit);
      if (method.methodKind !== 'unary') {
        forget = options.streams?.add({
          principal,
          method,
          cut: (refusal) => {
            refused = refusal;
            ended.abort(cut);
          },
        });
      }
      await work({ principal, signal: ended.signal, metadata: call.metadata });
      return refused === undefined ? undefined : toStatus(new Refused(refused));
    } catch (thrown) {
      if (refused !== undefined) return toStatus(new Refused(refused));
      const status = toStatus(thrown);
      // Whoever went away does not want to know, and its going is no fault of ours.
      if (status.unexpected && !ended.signal.aborted) options.report(thrown, path);
      return status;
    } finally {
      forget?.();
    }
  };

  const meant = (principal: Principal, request: Message): Message => meantBy(options, principal, method, request);
  const unary: handleUnaryCall<unknown, unknown> = (call, callback) => {
    let response: unknown;
    void serve(call, async (context) => {
      response = await answered(options, method, handler, { request: wellFormed(call.request), call: context });
    }).then((status) => (status === undefined ? callback(null, response) : callback(status)));
  };
  const serverStreaming: handleServerStreamingCall<unknown, unknown> = (call) => {
    void serve(call, (context) =>
      send(
        handler(meant(context.principal, wellFormed(call.request)), context) as AsyncIterable<unknown>,
        call,
        context.signal,
      ),
    ).then((status) => finish(call, status));
  };
  const bidi: handleBidiStreamingCall<unknown, unknown> = (call) => {
    void serve(call, (context) => {
      const stillAdmitted = (): void => admitted(context.principal, method, options.admit);
      const incoming = checked(received<unknown>(call, context.signal), stillAdmitted);
      return send(handler(incoming, context) as AsyncIterable<unknown>, call, context.signal);
    }).then((status) => finish(call, status));
  };

  const [type, handle] = ((): [string, typeof unary | typeof serverStreaming | typeof bidi] => {
    switch (method.methodKind) {
      case 'unary':
        return ['unary', unary];
      case 'server_streaming':
        return ['serverStream', serverStreaming];
      case 'bidi_streaming':
        return ['bidi', bidi];
      case 'client_streaming':
        throw new TypeError(`${path}: client streaming is not used here`);
    }
  })();
  server.register(path, handle, serializer(method.output), deserializer(method.input), type);
}

type Gate = Pick<ImplementOptions, 'admit' | 'narrow'>;

function meantBy({ admit, narrow }: Gate, principal: Principal, method: DescMethod, request: Message): Message {
  narrow?.(principal, method, request);
  admitted(principal, method, admit, request);
  return request;
}

async function answered(
  gate: Gate,
  method: DescMethod,
  handler: UntypedHandler,
  { request, call }: { readonly request: Message; readonly call: Call },
): Promise<unknown> {
  const { principal } = call;
  const response = await handler(meantBy(gate, principal, method, request), call);
  const looks = !method.input.fields.some((field) => field.localName === 'change');
  if (principal.kind === 'user' && looks) admitted(principal, method, gate.admit, request);
  return response;
}

/**
 * One unary call that a handler makes in a caller's name, as if the caller had made it: judged and put as a call that comes
 * over the wire is. @throws Refused, and what the handler throws
 */
export async function callAs<I extends DescMessage, O extends DescMessage>(
  gate: Gate,
  method: DescMethodUnary<I, O>,
  handler: (request: MessageShape<I>, call: Call) => Promise<MessageInitShape<O>>,
  given: { readonly request: MessageInitShape<I>; readonly call: Call },
): Promise<MessageShape<O>> {
  const request = create(method.input, given.request);
  const answer = await answered(gate, method, handler as UntypedHandler, { request, call: given.call });
  return create(method.output, answer as MessageInitShape<O>);
}

function finish(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  status: ReturnType<typeof toStatus> | undefined,
): void {
  if (status === undefined) call.end();
  else call.emit('error', status);
}

function admitted(principal: Principal, method: DescMethod, admit: Admit, request?: Message): void {
  const refusal = admit(principal, method, request);
  if (refusal !== undefined) throw new Refused(refusal);
}

function wellFormed(message: unknown): Message {
  if (message === malformed) {
    throw new Refused(refuse('invalid', { problem: 'the message is malformed', cure: 'the schema of this version' }));
  }
  return message as Message;
}

async function* checked(
  messages: AsyncIterable<unknown>,
  stillAdmitted: () => void,
): AsyncGenerator<Message, void, undefined> {
  for await (const message of messages) {
    stillAdmitted();
    yield wellFormed(message);
  }
}
