// Endpoint: one etcd member as one client sees it.

import type { CallOptions, ClientDuplexStream, Interceptor } from '@grpc/grpc-js';
import { InterceptingCall } from '@grpc/grpc-js';
import { noop } from 'cockatiel';
import { Etcd3, type IWatchRequest, type IWatchResponse, type KVClient, type LeaseClient } from 'etcd3';
import type { Clock } from '#internal/clock/clock.ts';
import { failureOf } from './failure.ts';
import type { Header, Renewal } from './types.ts';
import { openTxnCall } from './txn-call.ts';
import { headerOf } from './wire.ts';

export interface Tls {
  readonly ca: Uint8Array;
  readonly certificate: Uint8Array;
  readonly key: Uint8Array;
}

export interface Clients {
  readonly kv: KVClient;
  readonly lease: LeaseClient;
  readonly cluster: Etcd3['cluster'];
  readonly maintenance: Etcd3['maintenance'];
}

export interface Endpoint {
  readonly url: string;
  /** One call with a deadline. Throws a Fault with a FailureCode. */
  unary<T>(name: string, run: (clients: Clients, options: CallOptions) => Promise<T>, deadlineMs?: number): Promise<T>;
  /** As unary, of one encoded TxnRequest and its TxnResponse. */
  txn(request: Buffer): Promise<Buffer>;
  /** Linearizable: proves that the member has a quorum. */
  header(): Promise<Header>;
  openWatch(): Promise<ClientDuplexStream<IWatchRequest, IWatchResponse>>;
  keepAliveOnce(leaseId: bigint, deadlineMs?: number): Promise<Renewal>;
  /** For connections to come; calls under way go on. */
  renew(tls: Tls): void;
  close(): void;
}

// etcd turns away keepalive pings more often than every 5 s (grpc-keepalive-min-time); 10 s / 3 s notices a dead path
// in 12.5 s (measured).
const channelOptions = {
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  // No call is repeated under us, not even "transparently".
  'grpc.enable_retries': 0,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  // A connection for each service, so that a backlog of the watch does not hold up a commit, and a new connection
  // whenever etcd3 resets its services: grpc-js has no connect timeout, and a SYN lost in an outage would be repeated
  // by the kernel only after up to a minute.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

// Under etcd's roles a client may read what is ours and no other key (docs/operating.md).
const probedKey = Buffer.from('/pop44/v1/');

/** A member without a leader then closes the call within an election timeout instead of leaving it silent. */
const requireLeader: Interceptor = (options, nextCall) =>
  new InterceptingCall(nextCall(options), {
    start(metadata, listener, next) {
      metadata.set('hasleader', 'true');
      next(metadata, listener);
    },
  });

const etcd3 = (url: string, tls: Tls | undefined): Etcd3 =>
  new Etcd3({
    hosts: [url],
    ...(tls && {
      credentials: {
        rootCertificate: Buffer.from(tls.ca),
        certChain: Buffer.from(tls.certificate),
        privateKey: Buffer.from(tls.key),
      },
    }),
    grpcOptions: channelOptions,
    faultHandling: { global: noop, host: () => noop },
  });

export function openEndpoint(url: string, tls: Tls | undefined, deadlineMs: number, clock: Clock): Endpoint {
  let secrets = tls;
  const opened = () => ({ client: etcd3(url, secrets), transactions: openTxnCall(url, secrets, channelOptions) });
  let { client, transactions } = opened();
  const options = (ms: number): CallOptions => ({
    deadline: clock.wall().getTime() + ms,
    interceptors: [requireLeader],
  });

  const endpoint: Endpoint = {
    url,
    async unary(name, run, ms = deadlineMs) {
      try {
        const { kv, leaseClient: lease, cluster, maintenance } = client;
        return await run({ kv, lease, cluster, maintenance }, options(ms));
      } catch (thrown) {
        throw failureOf(thrown, `${name} at ${url}`);
      }
    },
    async txn(request) {
      try {
        return await transactions.send(request, clock.wall().getTime() + deadlineMs);
      } catch (thrown) {
        const failure = failureOf(thrown, `txn at ${url}`);
        // As etcd3 does with the others.
        if (failure.code === 'unavailable' || failure.code === 'ambiguous') transactions.reset();
        throw failure;
      }
    },
    async header() {
      const answer = await endpoint.unary('read the revision', ({ kv }, o) =>
        kv.range({ key: probedKey, count_only: true }, o),
      );
      return headerOf(answer.header);
    },
    async openWatch() {
      const stream = await client.watchClient.watch({ interceptors: [requireLeader] });
      return stream as unknown as ClientDuplexStream<IWatchRequest, IWatchResponse>;
    },
    async keepAliveOnce(leaseId, ms = deadlineMs) {
      // Before anything can wait: what etcd renews, it renews later than this.
      const sentMs = clock.monotonicMs();
      const stream = await client.leaseClient.leaseKeepAlive(options(ms));
      try {
        return await new Promise<Renewal>((resolve, reject) => {
          stream.on('data', (answer) => resolve({ seconds: Number(answer.TTL), sentMs }));
          stream.on('error', reject);
          stream.on('end', () => reject(new Error('14 UNAVAILABLE: the stream ended without an answer')));
          stream.write({ ID: leaseId.toString() });
        });
      } catch (thrown) {
        throw failureOf(thrown, `renew a lease at ${url}`);
      } finally {
        stream.end();
      }
    },
    renew(next) {
      const old = { client, transactions };
      secrets = next;
      ({ client, transactions } = opened());
      old.transactions.close();
      old.client.close();
    },
    close() {
      transactions.close();
      client.close();
    },
  };
  return endpoint;
}
