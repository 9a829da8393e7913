// Connect: typed calls of a service at one address.

import type { DescMethod, DescService, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2';
import type { ChannelCredentials, ClientOptions } from '@grpc/grpc-js';
import { Client, Metadata } from '@grpc/grpc-js';
import type { CallOptions, MetadataOf } from './calls.ts';
import { bidiCall, serverStreamingCall, unaryCall } from './calls.ts';
import { pathOf } from './definition.ts';
import { messageLimit } from './serve.ts';

type CallOf<M extends GenServiceMethods[string]> = M['methodKind'] extends 'unary'
  ? (request: MessageInitShape<M['input']>, options?: CallOptions) => Promise<MessageShape<M['output']>>
  : M['methodKind'] extends 'server_streaming'
    ? (request: MessageInitShape<M['input']>, options?: CallOptions) => AsyncGenerator<MessageShape<M['output']>, void>
    : M['methodKind'] extends 'bidi_streaming'
      ? (
          outgoing: AsyncIterable<MessageInitShape<M['input']>>,
          options?: CallOptions,
        ) => AsyncGenerator<MessageShape<M['output']>, void>
      : never;

/**
 * One function for each method; it throws a Refused or a Fault. A stream's call begins with its iteration; leaving the
 * iteration cancels the call.
 */
export type Calls<M extends GenServiceMethods> = { readonly [K in keyof M]: CallOf<M[K]> };

export interface Connection<M extends GenServiceMethods> {
  readonly call: Calls<M>;
  close(): void;
}

export interface ConnectOptions {
  /** Name that the server's certificate must bear, in place of the address: `p1.node.pop44`. */
  readonly serverName?: string;
  /** Secret of a login or a token, asked for at each call; undefined: none. */
  readonly bearer?: () => string | undefined;
  /** Deadline of a unary call in milliseconds; default 10,000. */
  readonly deadlineMs?: number;
}

/**
 * Does not connect before the first call. Connections with the same credentials object, address and name share one
 * TCP connection. `address`: `host:port`, `[v6]:port` or `unix:/path`.
 */
export function connect<M extends GenServiceMethods>(
  service: GenService<M>,
  address: string,
  credentials: ChannelCredentials,
  options: ConnectOptions = {},
): Connection<M> {
  const channel: ClientOptions = {
    'grpc.max_receive_message_length': messageLimit,
    'grpc.max_send_message_length': messageLimit,
    // A dead peer is known after 13 s at most; TCP alone takes 15 minutes (tcp(7): tcp_retries2).
    'grpc.keepalive_time_ms': 10_000,
    'grpc.keepalive_timeout_ms': 3_000,
    // grpc's own default waits 1 s, then up to 120 s: too long for a mesh that has to come back by itself.
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 2_000,
    // No proxy of the environment between daemons, no service configuration by DNS TXT, no hidden retries.
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    'grpc.enable_retries': 0,
    ...(options.serverName === undefined ? {} : { 'grpc.ssl_target_name_override': options.serverName }),
  };
  const client = new Client(address, credentials, channel);
  const call: Record<string, unknown> = {};
  for (const method of (service as unknown as DescService).methods) {
    call[method.localName] = caller(client, method, options.deadlineMs ?? 10_000, (call) => metadataOf(options, call));
  }
  return { call: call as Calls<M>, close: () => client.close() };
}

function metadataOf({ bearer }: ConnectOptions, call: CallOptions): Metadata {
  const metadata = new Metadata();
  const secret = call.bearer ?? bearer?.();
  if (secret !== undefined) metadata.set('authorization', `Bearer ${secret}`);
  if (call.source !== undefined) metadata.set('pop44-source', call.source);
  return metadata;
}

function caller(client: Client, method: DescMethod, unaryDeadlineMs: number, metadata: MetadataOf): unknown {
  switch (method.methodKind) {
    case 'unary':
      return unaryCall(client, method, unaryDeadlineMs, metadata);
    case 'server_streaming':
      return serverStreamingCall(client, method, metadata);
    case 'bidi_streaming':
      return bidiCall(client, method, metadata);
    case 'client_streaming':
      throw new TypeError(`${pathOf(method)}: client streaming is not used here`);
  }
}
