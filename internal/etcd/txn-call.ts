// Txn call: etcd's Txn as plain bytes over a channel of its own.

import { type ChannelOptions, Client, credentials, Metadata } from '@grpc/grpc-js';
import type { Tls } from './endpoint.ts';

export interface TxnCall {
  /** Rejects with what grpc-js says. @param deadlineMs by the wall clock */
  send(request: Buffer, deadlineMs: number): Promise<Buffer>;
  /** The next call opens another connection. Calls under way go on. */
  reset(): void;
  close(): void;
}

const method = '/etcdserverpb.KV/Txn';
const asIs = (bytes: Buffer): Buffer => bytes;

export function openTxnCall(url: string, tls: Tls | undefined, options: ChannelOptions): TxnCall {
  const target = url.replace(/^https?:\/\//, '');
  const secrets =
    tls !== undefined
      ? credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.certificate))
      : credentials.createInsecure();
  const metadata = new Metadata();
  // A member without a leader then answers so at once.
  metadata.set('hasleader', 'true');
  let client: Client | undefined;
  const reset = (): void => {
    client?.close();
    client = undefined;
  };
  return {
    send: (request, deadline) =>
      new Promise((resolve, reject) => {
        client ??= new Client(target, secrets, options);
        client.makeUnaryRequest(method, asIs, asIs, request, metadata, { deadline }, (failure, answer) => {
          if (answer === undefined) reject(failure ?? new Error('13 INTERNAL: neither an answer nor a failure'));
          else resolve(answer);
        });
      }),
    reset,
    close: reset,
  };
}
