// Calls: one call of a client, by kind of method.

import type { DescMethod } from '@bufbuild/protobuf';
import type { Client, CallOptions as GrpcOptions, Metadata } from '@grpc/grpc-js';
import { realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { deserializer, malformed, pathOf, serializer } from './definition.ts';
import { fromStatus } from './status.ts';
import { received, send } from './stream.ts';

export interface CallOptions {
  /** Milliseconds until both ends give the call up. Default: the connection's for unary calls, none for streams. */
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
  /** Secret of the login or token that this call is made with, before that of the connection. */
  readonly bearer?: string | undefined;
  /** IP address that a front speaks for; a daemon believes who has a front's certificate. */
  readonly source?: string | undefined;
}

function until(deadlineMs: number | undefined): GrpcOptions {
  return deadlineMs === undefined ? {} : { deadline: realClock.wall().getTime() + deadlineMs };
}

export type MetadataOf = (options: CallOptions) => Metadata;

/** @param metadata of each call */
export function unaryCall(client: Client, method: DescMethod, defaultDeadlineMs: number, metadata: MetadataOf) {
  const path = pathOf(method);
  const write = serializer(method.input);
  const read = deserializer(method.output);
  return (request: unknown, options: CallOptions = {}): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      const deadline = until(options.deadlineMs ?? defaultDeadlineMs);
      const call = client.makeUnaryRequest(
        path,
        write,
        read,
        request,
        metadata(options),
        deadline,
        (error, response) => {
          signal?.removeEventListener('abort', cancel);
          if (error !== null) reject(fromStatus(error));
          else if (response === malformed) reject(malformedAnswer(path));
          else resolve(response);
        },
      );
      const cancel = (): void => call.cancel();
      if (signal?.aborted === true) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    });
}

export function serverStreamingCall(client: Client, method: DescMethod, metadata: MetadataOf) {
  const path = pathOf(method);
  const write = serializer(method.input);
  const read = deserializer(method.output);
  return async function* (request: unknown, options: CallOptions = {}): AsyncGenerator<unknown, void> {
    const deadline = until(options.deadlineMs);
    const stream = client.makeServerStreamRequest(path, write, read, request, metadata(options), deadline);
    yield* answers(path, stream, options.signal, new AbortController());
  };
}

export function bidiCall(client: Client, method: DescMethod, metadata: MetadataOf) {
  const path = pathOf(method);
  const write = serializer(method.input);
  const read = deserializer(method.output);
  return async function* (outgoing: AsyncIterable<unknown>, options: CallOptions = {}): AsyncGenerator<unknown, void> {
    const stream = client.makeBidiStreamRequest(path, write, read, metadata(options), until(options.deadlineMs));
    const ended = new AbortController();
    let failure: unknown;
    send(outgoing, stream, ended.signal).then(
      () => stream.end(),
      (thrown: unknown) => {
        failure = thrown;
        stream.cancel();
      },
    );
    try {
      yield* answers(path, stream, options.signal, ended);
    } catch (thrown) {
      throw failure ?? thrown;
    }
  };
}

type AnswerStream = ReturnType<Client['makeServerStreamRequest']> | ReturnType<Client['makeBidiStreamRequest']>;

/** Yields what comes; `ended` is aborted when the call is over, however that came. */
async function* answers(
  path: string,
  stream: AnswerStream,
  signal: AbortSignal | undefined,
  ended: AbortController,
): AsyncGenerator<unknown, void> {
  const cancel = (): void => stream.cancel();
  // grpc-js emits a status as 'error' without destroying the stream: once the iteration has left, nobody would hear
  // it, and Node ends the process.
  stream.on('error', () => {});
  if (signal?.aborted === true) cancel();
  else signal?.addEventListener('abort', cancel, { once: true });
  try {
    for await (const message of received<unknown>(stream, ended.signal)) {
      if (message === malformed) throw malformedAnswer(path);
      yield message;
    }
  } catch (thrown) {
    throw fromStatus(thrown);
  } finally {
    signal?.removeEventListener('abort', cancel);
    ended.abort();
    cancel();
  }
}

function malformedAnswer(path: string): Fault {
  return new Fault('internal', `${path}: the answer is malformed`);
}
