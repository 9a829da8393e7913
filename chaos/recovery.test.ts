import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { NodeSchema, TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { EventLog, LoggedEvent } from './event-log.ts';
import { type Attempt, type Fold, recordHistory, type Told } from './history.ts';
import { recoveryOf } from './recovery.ts';

const ms = 1e6;
/** The last fault is over after a second. */
const overNs = 1_000 * ms;

const write = (revision: bigint, atMs: number): Attempt => ({
  ...{
    request: `r${revision}`,
    client: 'c',
    node: 'p1',
    kind: 'allocate',
    owner: 'ada',
    asked: '',
    takes: [],
    given: [],
  },
  ...{ invokedNs: (atMs - 10) * ms, returnedNs: atMs * ms, outcome: 'ok', revision, repeated: false, reason: '' },
});
const fold = (node: string, revision: bigint, atMs: number): Fold => ({ node, pid: 1, revision, atNs: atMs * ms });
const tell = (revision: bigint, atMs: number): Told => ({
  ...{ node: 'p1', revision, atNs: atMs * ms, peers: 1, digest: '' },
});

const node: LoggedEvent = {
  ...{ revision: 1n, key: '/pop44/v1/node/p1' },
  value: toBinary(NodeSchema, create(NodeSchema, { id: 'p1', popId: 'pop1' })),
};
const tunnel = (revision: bigint, fields: object): LoggedEvent => ({
  ...{ revision, key: '/pop44/v1/tunnel/t1' },
  value: toBinary(
    TunnelSchema,
    create(TunnelSchema, {
      ...{ id: 't1', enabled: true, publicKey: 'k1', prefixes: [{ prefix: '44.32.0.1/32' }] },
      ...{ placement: { popIds: ['pop1'] }, ...fields },
    }),
  ),
});
const log = (...events: LoggedEvent[]): EventLog => ({ base: [node], from: 1n, events, to: 9n });

const recovery = (parts: Partial<ReturnType<typeof recordHistory>>, events: readonly LoggedEvent[] = []) =>
  recoveryOf({ ...recordHistory(), ...parts }, log(...events), overNs);

test('writes: the first that was asked for after the last fault, and never where there is none', () => {
  expect(recovery({ attempts: [write(2n, 900), write(3n, 1_005), write(4n, 1_450)] }).writesMs).toBe(450);
  expect(recovery({ attempts: [write(2n, 900)] }).writesMs).toBe(Number.POSITIVE_INFINITY);
});

test('folds: each daemon counts from when it answers, for the last write before and for all after', () => {
  const attempts = [write(2n, 100), write(3n, 900), write(4n, 2_000)];
  const quick = [fold('p1', 3n, 1_100), fold('p1', 4n, 2_040)];
  expect(recovery({ attempts, folds: quick }).foldsMs).toBe(40);
  // It comes back at 1.3 s with what it had on disk, and knows of the write of before 0.7 s later.
  const late = [fold('p2', 1n, 500), fold('p2', 2n, 1_300), fold('p2', 3n, 2_000), fold('p2', 4n, 2_100)];
  expect(recovery({ attempts, folds: [...quick, ...late] }).foldsMs).toBe(700);
});

test('folds: what changes accounts is nothing that the fabric shows', () => {
  const attempts = [write(3n, 1_100), { ...write(9n, 1_200), kind: 'login' } as const];
  expect(recovery({ attempts, folds: [fold('p1', 3n, 1_150), fold('p1', 3n, 1_300)] }).foldsMs).toBe(0);
});

test('the last daemon that answers says how long they took to start', () => {
  const folds = [fold('p1', 1n, 900), fold('p1', 1n, 1_100), fold('p2', 1n, 900), fold('p2', 1n, 3_000)];
  expect(recovery({ folds }).answersMs).toBe(2_000);
  expect(recovery({ folds: folds.slice(0, 3) }).answersMs).toBe(Number.POSITIVE_INFINITY);
});

test.each([
  ['does not come to a write', [fold('p1', 3n, 1_100)]],
  ['does not answer any more', [fold('p1', 4n, 900)]],
])('folds: never, where a daemon %s', (_, folds) => {
  expect(recovery({ attempts: [write(4n, 1_500)], folds }).foldsMs).toBe(Number.POSITIVE_INFINITY);
});

test('data plane: from a write that changes what the node holds until it has told so, and from no other', () => {
  const events = [tunnel(3n, {}), tunnel(4n, { name: 'another' }), tunnel(5n, { publicKey: 'k2' })];
  const attempts = [write(3n, 900), write(4n, 1_500), write(5n, 2_000)];
  expect(recovery({ attempts, told: [tell(3n, 1_250), tell(5n, 2_100)] }, events).dataPlaneMs).toBe(250);
  expect(recovery({ attempts, told: [tell(3n, 950), tell(5n, 2_100)] }, events).dataPlaneMs).toBe(100);
  expect(recovery({ attempts, told: [tell(4n, 1_600)] }, events).dataPlaneMs).toBe(Number.POSITIVE_INFINITY);
  expect(recovery({ attempts }, events).dataPlaneMs).toBeUndefined();
});

test('data plane: what another PoP carries is nothing to wait for', () => {
  const events = [tunnel(3n, { placement: { popIds: ['pop2'] } })];
  expect(recovery({ attempts: [write(3n, 1_200)], told: [tell(2n, 900)] }, events).dataPlaneMs).toBeUndefined();
});
