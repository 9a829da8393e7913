//  garbled HTTP/2 and gRPC frames over real TLS, from somebody with a good certificate:
//
//    streams       right HTTP/2, garbled gRPC frames (length, flag, message) in it
//    connections   garbled HTTP/2 after a right TLS handshake
//    strangers     bytes that are no TLS

import { create, type DescMessage, type DescMethod, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { type Identity, serverNameOf } from '#internal/rpc/rpc.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { cases, garbleFrom, seed } from '#internal/testkit/garble.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric } from '#internal/testkit/requests.ts';

const store = memoryStore();
let network: ApiNetwork;
let daemon: ApiDaemon;
let identity: Identity;
let before = 0;
beforeAll(async () => {
  network = await apiNetwork(store.follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 2);
  identity = await network.identityOf('admin', 'mallory');
  before = store.commits.length;
});
afterAll(() => network[Symbol.asyncDispose]());

/** Streams of one connection at once: below the server's own limit. */
const atOnce = 100;
/** Milliseconds that a server may take over one that it neither answers nor ends: it waits for the rest of a message. */
const patienceMs = 1_000;
/** Nothing may be kept of what was refused: 0.2 kB of each case in the long form, which holds 10 kB on average. */
const mostGrowthBytes = 8 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as NodeJS.GCFunction;
/** Without garbage, of which there are 250 MB more after 40,000 cases: V8 has seen no need to collect it. */
function held(): number {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const tls = () => ({
  host: '127.0.0.1',
  port: Number(daemon.address.split(':')[1]),
  servername: serverNameOf('p1'),
  ca: identity.ca,
  cert: identity.certificate,
  key: identity.key,
  minVersion: 'TLSv1.3' as const,
  ALPNProtocols: ['h2'],
});

/** The gRPC frame: not compressed, length, message. */
function frame<I extends DescMessage>(method: DescMethod & { input: I }, message: MessageInitShape<I>) {
  const bytes = toBinary(method.input, create(method.input, message));
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return { path: `/${method.parent.typeName}/${method.name}`, bytes: Buffer.concat([head, bytes]) };
}

// Changes that are refused when they are right, and that no few bits make good: nothing may change.
const nobodys = { requestId: 'garbled', etag: '1' };
const calls = () => [
  frame(TunnelService.method.createTunnel, { change: nobodys, name: 'garbled', publicKey: '!' }),
  frame(TunnelService.method.deleteTunnel, { change: nobodys, tunnel: 'nobody' }),
  frame(TunnelService.method.listTunnels, {}),
  frame(PoolService.method.createPool, { change: nobodys, prefix: 'nowhere' }),
  frame(FabricService.method.createPop, { change: nobodys, pop: { id: '!', endpoint4: '?' } }),
  frame(StatusService.method.getStatus, {}),
];

async function alive(): Promise<void> {
  expect(await network.as(StatusService, daemon).getStatus({})).toMatchObject({ tunnels: 0n });
  expect(daemon.unexpected).toEqual([]);
}

/** Done when the peer has ended it, or has been silent for too long. */
const ended = (socket: { on(event: string, listener: () => void): unknown; destroy(): void }): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), patienceMs);
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });

test(`garbled gRPC frames are refused, nothing changes, the daemon stays up (seed ${seed}) [S1]`, async () => {
  const garble = garbleFrom(seed + 4);
  const right = calls();
  const heldBefore = held();
  const count = cases(4_000);
  let answered = 0;
  for (let at = 0; at < count; at += atOnce) {
    const session = connectHttp2(`https://${daemon.address}`, tls());
    session.on('error', () => {});
    await Promise.all(
      Array.from({ length: atOnce }, (_, nth) => {
        const { path, bytes } = right[(at + nth) % right.length] as (typeof right)[number];
        const stream = session.request({
          ':method': 'POST',
          ':path': path,
          'content-type': 'application/grpc',
          te: 'trailers',
        });
        stream.on('trailers', () => (answered += 1));
        stream.on('response', (headers) => (answered += headers['grpc-status'] === undefined ? 0 : 1));
        stream.resume();
        const done = ended(stream);
        stream.end(garble(bytes));
        return done;
      }),
    );
    session.destroy();
  }
  await alive();
  expect(store.commits.length).toBe(before);
  expect(answered).toBeGreaterThan(count / 2);
  expect(held() - heldBefore).toBeLessThan(mostGrowthBytes);
}, 120_000);

// RFC 9113 3.4, 6.5: the preface and an empty SETTINGS; then HEADERS of a request in plain literals, and DATA.
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const http2Frame = (type: number, flags: number, stream: number, payload: Buffer): Buffer => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};
const literal = (name: string, value: string): Buffer =>
  Buffer.concat([Buffer.from([0, name.length]), Buffer.from(name), Buffer.from([value.length]), Buffer.from(value)]);

test(`garbled HTTP/2 and bytes that are no TLS end their connection alone (seed ${seed}) [S1]`, async () => {
  const garble = garbleFrom(seed + 5);
  const [call] = calls() as [ReturnType<typeof frame>];
  const headers = Buffer.concat([
    literal(':method', 'POST'),
    literal(':scheme', 'https'),
    literal(':authority', 'p1'),
    literal(':path', call.path),
    literal('content-type', 'application/grpc'),
    literal('te', 'trailers'),
  ]);
  const frames = Buffer.concat([
    http2Frame(4, 0, 0, Buffer.alloc(0)),
    http2Frame(1, 4, 1, headers),
    http2Frame(0, 1, 1, call.bytes),
    http2Frame(8, 0, 0, Buffer.from([0, 0, 1, 0])),
    http2Frame(6, 0, 0, Buffer.alloc(8)),
  ]);
  const one = (nth: number): Promise<void> => {
    const { host, port, ...more } = tls();
    const bytes = Buffer.concat([preface, garble(frames)]);
    if (nth % 5 === 0) {
      const stranger = connectTcp({ host, port }, () => stranger.end(garble(bytes)));
      stranger.resume();
      return ended(stranger);
    }
    const socket = connectTls({ host, port, ...more }, () => socket.end(bytes));
    socket.resume();
    return ended(socket);
  };
  const count = cases(1_000);
  for (let at = 0; at < count; at += atOnce) await Promise.all(Array.from({ length: atOnce }, (_, nth) => one(nth)));
  await alive();
  expect(store.commits.length).toBe(before);
}, 120_000);
