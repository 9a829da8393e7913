// Fault noise: what no client would send, at the door of a daemon's API: bytes, broken frames of HTTP/2, broken messages of gRPC.

import { once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '#internal/clock/clock.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { apiPort } from '#internal/testkit/lab/topology.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import type { Heal } from './fault-begin.ts';

/**
 * How much was sent, for the report. A case is a connection with its bytes or frames, of which the server reads no more after the first that
 * is wrong; or a message that it has dealt with.
 */
export const noise = { connections: 0, cases: 0 };

/** RFC 9113 3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const bytesOf = (random: () => number, most: number): Buffer =>
  Buffer.from(Array.from({ length: 1 + Math.floor(random() * most) }, () => Math.floor(random() * 256)));

/** A frame with a header that adds up, and anything inside (RFC 9113 4.1). */
function frame(random: () => number): Buffer {
  const payload = bytesOf(random, 300);
  const header = Buffer.alloc(9);
  header.writeUIntBE(random() < 0.9 ? payload.length : Math.floor(random() * 2 ** 24), 0, 3);
  header[3] = Math.floor(random() * 12);
  header[4] = Math.floor(random() * 256);
  header.writeUInt32BE(Math.floor(random() * 5), 5);
  return Buffer.concat([header, payload]);
}

/** Of every kind of call; one that there is not. */
const methods = [
  ...['pop44.v1.TunnelService/CreateTunnel', 'pop44.v1.AllocationService/Allocate', 'pop44.v1.PeopleService/SignUp'],
  ...['pop44.v1.AllocationService/AllocateMany', 'pop44.v1.StatusService/WaitApplied', 'pop44.v1.NoService/None'],
] as const;

/**
 * A body that holds no message of any method: gRPC over HTTP/2, Length-Prefixed-Message. Never one that could be read: the admin
 * sends it, who may do everything.
 */
function message(random: () => number): Buffer {
  // Field 1, length-delimited, 127 bytes long, of which there are fewer.
  const unreadable = Buffer.concat([Buffer.from([0x0a, 0x7f]), bytesOf(random, 60)]);
  const prefix = Buffer.alloc(5);
  const draw = random();
  // As long as it says; longer than what comes; more than anybody takes; pressed by nobody knows what.
  if (draw < 0.4) prefix.writeUInt32BE(unreadable.length, 1);
  else if (draw < 0.6) prefix.writeUInt32BE(unreadable.length + 1 + Math.floor(random() * 1_000), 1);
  else if (draw < 0.7) prefix.writeUInt32BE(2 ** 32 - 1, 1);
  else if (draw < 0.85) {
    prefix[0] = 1 + Math.floor(random() * 255);
    prefix.writeUInt32BE(unreadable.length, 1);
  } else return draw < 0.9 ? Buffer.alloc(0) : prefix.subarray(0, 1 + Math.floor(random() * 4));
  return Buffer.concat([prefix, unreadable]);
}

/** Connections at once to one daemon: of bytes and frames, and of messages. */
const rawLanes = 3;
const messageLanes = 2;
const framesEach = 8;
/** Over one connection, so many at once. */
const messagesEach = 200;
const messagesAtOnce = 16;
const silentMs = 1_000;
/** A server that has read the first wrong byte hangs up. */
const rawSilentMs = 100;

export async function makeNoise(target: string, cluster: Cluster, clock: Clock): Promise<Heal> {
  const { address } = cluster.node(target);
  const ending = new AbortController();
  const random = randomFrom(noise.connections + 1);
  const place = { host: address, port: apiPort };
  const { ca, certificate, key } = cluster.etcd.tls;
  const credentials = {
    ca: Buffer.from(ca),
    cert: Buffer.from(certificate),
    key: Buffer.from(key),
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  };

  /** Says its piece and is gone. */
  async function raw(): Promise<void> {
    const plain = random() < 0.3;
    const socket = plain ? connectTcp(place) : connectTls({ ...place, ...credentials });
    await new Promise<void>((resolve) => {
      const over = (): void => {
        socket.destroy();
        resolve();
      };
      socket.on('error', over).on('close', over);
      socket.setTimeout(silentMs, over);
      socket.once(plain ? 'connect' : 'secureConnect', () => {
        noise.connections += 1;
        socket.write(plain ? bytesOf(random, 600) : preface);
        for (let at = 0; at < framesEach && !plain; at += 1) socket.write(frame(random));
        noise.cases += 1;
        socket.end();
        socket.setTimeout(rawSilentMs);
      });
      socket.resume();
    });
  }

  async function send(session: ClientHttp2Session): Promise<void> {
    const method = methods[Math.floor(random() * methods.length)] ?? methods[0];
    const request = session.request({
      ...{ ':method': 'POST', ':path': `/${method}`, te: 'trailers' },
      'content-type': random() < 0.95 ? 'application/grpc' : 'text/plain',
    });
    const over = AbortSignal.any([ending.signal, AbortSignal.timeout(silentMs)]);
    request.on('error', () => {}).resume();
    request.end(message(random));
    await once(request, 'close', { signal: over }).catch(() => request.destroy());
    if (!over.aborted) noise.cases += 1;
  }

  async function messages(): Promise<void> {
    const session = connectHttp2(`https://[${address}]:${apiPort}`, credentials);
    session.on('error', () => {});
    noise.connections += 1;
    let left = messagesEach;
    const lane = async (): Promise<void> => {
      while (left > 0 && !session.destroyed && !session.closed && !ending.signal.aborted) {
        left -= 1;
        await send(session);
      }
    };
    await Promise.all(Array.from({ length: messagesAtOnce }, lane));
    session.destroy();
  }

  const repeated = async (work: () => Promise<void>): Promise<void> => {
    while (!ending.signal.aborted) {
      const before = noise.cases;
      await work();
      // Nobody is there just now.
      const pauseMs = noise.cases > before ? 10 : 200;
      await clock.sleep(pauseMs, ending.signal).catch(() => undefined);
    }
  };
  const lanes = [
    ...Array.from({ length: rawLanes }, () => repeated(raw)),
    ...Array.from({ length: messageLanes }, () => repeated(messages)),
  ];
  return async () => {
    ending.abort(new Error('the fault is over'));
    await Promise.all(lanes);
  };
}
