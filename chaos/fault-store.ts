// Fault store: something is there that should not be: records that nobody can read, and noise at the door of the API.

import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '#internal/clock/clock.ts';
import { openEtcd, type Operation } from '#internal/etcd/etcd.ts';
import { recordKinds } from '#internal/model/record.ts';
import type { Cluster } from '#internal/testkit/cluster.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { apiPort } from '#internal/testkit/lab/topology.ts';
import { untilDone } from './etcdctl.ts';
import { poisonMark } from './event-log.ts';
import type { Heal } from './fault-begin.ts';

/** One of each kind, one of a kind that nobody knows, one of people. */
const poisonKeys: readonly string[] = [
  ...[...recordKinds, 'unheard-of'].map((kind) => `/pop44/v1/${kind}/${poisonMark}`),
  `/pop44/people/v1/user/${poisonMark}`,
];

let poisons = 0;
/** Milliseconds; longer than etcd may be without a leader. */
const writtenWithinMs = 20_000;

/** Bytes that no schema takes: a field that ends before it began. */
function poisonBytes(random: () => number): Uint8Array {
  const noise = Array.from({ length: 1 + Math.floor(random() * 60) }, () => Math.floor(random() * 256));
  // Field 1, length-delimited, 127 bytes long, of which there are fewer.
  return new Uint8Array([0x0a, 0x7f, ...noise]);
}

export async function poisonStore(cluster: Cluster, clock: Clock): Promise<Heal> {
  poisons += 1;
  const random = randomFrom(poisons);
  // Under other faults the answer of one may be lost: to write or take away once more does no harm.
  const write = async (then: readonly Operation[]): Promise<void> => {
    const etcd = openEtcd({ ...cluster.etcd, clock });
    try {
      await untilDone(() => etcd.txn({ compares: [], then }), writtenWithinMs, clock);
    } finally {
      etcd.close();
    }
  };
  await write(poisonKeys.map((key) => ({ op: 'put', key, value: poisonBytes(random) })));
  return () => write(poisonKeys.map((key) => ({ op: 'delete', key })));
}

/** RFC 9113 3.4. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

const noiseOf = (random: () => number, most: number): Buffer =>
  Buffer.from(Array.from({ length: 1 + Math.floor(random() * most) }, () => Math.floor(random() * 256)));

/** A frame with a header that adds up, and anything inside (RFC 9113 4.1). */
function frame(random: () => number): Buffer {
  const payload = noiseOf(random, 300);
  const header = Buffer.alloc(9);
  header.writeUIntBE(random() < 0.9 ? payload.length : Math.floor(random() * 2 ** 24), 0, 3);
  header[3] = Math.floor(random() * 12);
  header[4] = Math.floor(random() * 256);
  header.writeUInt32BE(Math.floor(random() * 5), 5);
  return Buffer.concat([header, payload]);
}

/** At once to one daemon; each connection says its piece and is gone. */
const connectionsAtOnce = 4;
const framesEach = 8;

/** How many were sent, for the report. */
export const garbage = { connections: 0, frames: 0 };

export async function makeNoise(target: string, cluster: Cluster, clock: Clock): Promise<Heal> {
  const { address } = cluster.node(target);
  const ending = new AbortController();
  const random = randomFrom(garbage.connections + 1);
  const place = { host: address, port: apiPort };
  const { ca, certificate, key } = cluster.etcd.tls;
  const credentials = {
    ca: Buffer.from(ca),
    cert: Buffer.from(certificate),
    key: Buffer.from(key),
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  };

  async function once(): Promise<void> {
    const plain = random() < 0.3;
    const socket = plain ? connectTcp(place) : connectTls({ ...place, ...credentials });
    await new Promise<void>((resolve) => {
      const over = (): void => {
        socket.destroy();
        resolve();
      };
      socket.on('error', over).on('close', over);
      socket.setTimeout(1_000, over);
      socket.once(plain ? 'connect' : 'secureConnect', () => {
        garbage.connections += 1;
        socket.write(plain ? noiseOf(random, 600) : preface);
        for (let at = 0; at < framesEach && !plain; at += 1) socket.write(frame(random));
        garbage.frames += plain ? 1 : framesEach;
        socket.end();
      });
      socket.resume();
    });
  }
  const lanes = Array.from({ length: connectionsAtOnce }, async () => {
    while (!ending.signal.aborted) {
      await once();
      await clock.sleep(10, ending.signal).catch(() => undefined);
    }
  });
  return async () => {
    ending.abort(new Error('the fault is over'));
    await Promise.all(lanes);
  };
}
