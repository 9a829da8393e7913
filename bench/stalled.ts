// Stalled: clients of a daemon's API that ask and never read: their HTTP/2 windows are shut from the start, as grpc-js cannot have
// them, so that nothing of an answer leaves the daemon.

import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import { create, toBinary } from '@bufbuild/protobuf';
import { WaitAppliedRequestSchema } from '#internal/gen/pop44/v1/status_pb.ts';
import { serverNameOf } from '#internal/rpc/rpc.ts';
import { adminContext, type World } from '#internal/testkit/lab/lab.ts';

export interface Stalled extends Disposable {
  /** Streams that neither end has given up. */
  open(): number;
}

export interface StalledWish {
  readonly revision: bigint;
  readonly count: number;
}

/** gRPC over HTTP/2: a message is a flag (0: not compressed), its length in 4 bytes, and itself. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Of the first node's daemon; done when it has all the requests. */
export async function stall(lab: World, wishes: readonly StalledWish[]): Promise<Stalled> {
  const context = adminContext(lab);
  const [daemon] = context.daemons;
  if (daemon === undefined || context.certificate === undefined || context.key === undefined)
    throw new Error('a lab without nodes');
  const socket = connectTls({
    path: daemon.address.slice('unix:'.length),
    servername: serverNameOf(daemon.node),
    ALPNProtocols: ['h2'],
    ca: await readFile(context.ca),
    cert: await readFile(context.certificate),
    key: await readFile(context.key),
  });
  await once(socket, 'secureConnect');
  const session = connect('https://pop44', { createConnection: () => socket, settings: { initialWindowSize: 0 } });
  const streams: ClientHttp2Stream[] = [];
  for (const { revision, count } of wishes) {
    const request = framed(toBinary(WaitAppliedRequestSchema, create(WaitAppliedRequestSchema, { revision })));
    for (let n = 0; n < count; n += 1) {
      const stream = session.request({
        ':method': 'POST',
        ':path': '/pop44.v1.StatusService/WaitApplied',
        'content-type': 'application/grpc',
        te: 'trailers',
      });
      // Whoever cuts it off is seen by `open`.
      stream.on('error', () => {});
      stream.end(request);
      streams.push(stream);
    }
  }
  // Headers of an answer need no window: they say that the request is being served.
  await Promise.all(streams.map((stream) => once(stream, 'response')));
  return {
    open: () => streams.filter((stream) => !stream.closed && !stream.destroyed).length,
    [Symbol.dispose]: () => session.destroy(),
  };
}
