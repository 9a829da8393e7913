import { createSocket } from 'node:dgram';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { BeaconSchema } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { createStatus, hearsBack, silent } from '#internal/status/status.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { runBeacon } from './beacon.ts';

const quiet = { warn: () => undefined };
const stop = new AbortController();
const open: (() => void)[] = [];
afterEach(() => {
  stop.abort();
  for (const close of open.splice(0)) close();
});

/** A port that nobody has now. */
async function freePort(address: string): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.bind(0, address, resolve);
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(() => resolve());
  });
  return port;
}

test('each of two nodes learns whether the other hears it; what comes from elsewhere, or is no beacon, is not believed', async () => {
  const ports = { p1: await freePort('127.0.0.1'), p2: await freePort('127.0.0.2') };
  const places = {
    p1: { address: '127.0.0.1', port: ports.p1 },
    p2: { address: '127.0.0.2', port: ports.p2 },
  };
  const [one, two] = [createStatus('p1'), createStatus('p2')];
  const node = (nodeId: 'p1' | 'p2', status: typeof one, other: 'p1' | 'p2') =>
    runBeacon(
      {
        nodeId,
        ...places[nodeId],
        // One has no port: it is passed over.
        others: () => new Map([['p0', { address: '127.0.0.4', port: 0 }] as const, [other, places[other]] as const]),
        status,
        clock: realClock,
        log: quiet,
      },
      stop.signal,
    );
  // Alone, then with the other: what was not heard is, within two beats.
  const first = node('p1', one, 'p2');
  const stranger = createSocket('udp4');
  open.push(() => stranger.close());
  await new Promise<void>((resolve) => {
    stranger.bind(0, '127.0.0.3', resolve);
  });
  const told = (): boolean | undefined => {
    const of = one.of('p2');
    return of && hearsBack(of, 'p1', new Date());
  };
  // As a stranger may, for a while: from another address, and what is no message.
  for (let turn = 0; turn < 5; turn += 1) {
    stranger.send(
      toBinary(BeaconSchema, create(BeaconSchema, { nodeId: 'p2', hearsYou: true })),
      ports.p1,
      '127.0.0.1',
    );
    for (const bytes of [Buffer.alloc(0), Buffer.from('\u00ff\u0000 nothing'), Buffer.alloc(2_000, 10)])
      stranger.send(bytes, ports.p1, '127.0.0.1');
    await realClock.sleep(20);
  }
  expect(one.of('p2')).toBeUndefined();
  const second = node('p2', two, 'p1');
  await eventually(() => told() === true, 10_000);
  expect(one.hears(new Date())).toMatchObject([{ nodeId: 'p2', heard: true }]);
  // What its stream tells, while that is heard, is newer than what a datagram says.
  one.heard('p2', { ...silent, hears: [{ nodeId: 'p1', heard: false }] }, new Date());
  expect(told()).toBe(false);
  stop.abort();
  await Promise.all([first, second]);
}, 20_000);
