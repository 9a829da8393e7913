import { expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import type { Flow } from '#internal/dataplane/dataplane.ts';
import { pathsOf } from '#internal/desired/desired.ts';
import type { Snapshot } from '#internal/model/model.ts';
import type { FromNetwork } from '#internal/seam/seam.ts';
import { createStatus, silent } from '#internal/status/status.ts';
import { grouped } from '#internal/testkit/anycast-group.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { testKey, threePops } from '#internal/testkit/three-pops.ts';
import { createAnycast } from './anycast.ts';

const endpoint = '198.18.90.2:40000';
const other = '[2001:db8:1:c::10]:40000';

/** p1 and p2 share an endpoint. */
const shared = (tunnels = 3): Snapshot => grouped(threePops(tunnels), ['p1', 'p2']);

const flow: Flow = {
  ...{ protocol: 'tcp', from: '44.31.0.1', to: '198.18.100.10', fromPort: 5, toPort: 80, state: 'ESTABLISHED' },
  ...{ secondsLeft: 100, answered: true, assured: true, mark: 0 },
};

/** The network half of p1. */
function half(snapshot = shared(), open: (until: AbortSignal) => Promise<readonly Flow[]> = async () => [flow]) {
  const sent: FromNetwork[] = [];
  const ahead: string[] = [];
  const status = createStatus('p1');
  let pastMs = 0;
  const wall = (): Date => new Date(1_700_000_000_000 + pastMs);
  const clock: Clock = { ...realClock, wall, monotonicMs: () => pastMs };
  let looks = 0;
  const stop = new AbortController();
  const made = createAnycast(
    {
      ...{ nodeId: 'p1', clock },
      status: {
        of: (id) => {
          looks += 1;
          return status.of(id);
        },
      },
      snapshot: () => snapshot,
      // Nobody is told anything: there is no way to them.
      mesh: { addressOf: () => undefined, flows: (_, __, until) => open(until) },
      presence: { ahead: (tunnelId, from, flows) => ahead.push(`${tunnelId} ${from} ${flows.length}`) },
      credentials: () => {
        throw new Error('nobody is called');
      },
      send: (message) => sent.push(message),
      log: { info: () => undefined },
    },
    stop.signal,
  );
  const heardOf = (id: string): void => status.heard(id, silent, wall());
  made.settle();
  made.heard({ type: 'hello', accessPeers: 0 });
  made.heard({ type: 'duty', role: 'alone', epoch: 0, alarm: '' });
  for (const id of ['p2', 'p3']) heardOf(id);
  return {
    ...{ made, ahead, heardOf },
    looks: () => looks,
    nowMs: () => wall().getTime(),
    later: (ms: number) => {
      pastMs += ms;
    },
    /** What was sent since it was last asked. */
    told: (type: FromNetwork['type']) => sent.splice(0).filter((message) => message.type === type),
    relayed: (...at: readonly string[]) => made.heard({ type: 'relayed', clients: at.map((each) => [each, 0]) }),
    has: (type: FromNetwork['type']) => sent.some((message) => message.type === type),
  };
}
const placesIn = (messages: readonly FromNetwork[]) =>
  messages.flatMap((message) =>
    message.type === 'take-clients' || message.type === 'leave-clients'
      ? message.peers.map(([publicKey, at]) => [publicKey, at])
      : [],
  );
const client = (n: number, at: string, handshakeMs: number) => [testKey(n), at, handshakeMs, 'p44w0', 30] as const;

test('what a node of the group holds is told to the kernel, until it is here or over [N8]', () => {
  const { made, nowMs, told, later } = half();
  expect(made.told('p2', [client(1, endpoint, nowMs()), client(2, other, nowMs() - 60_000)])).not.toBe('');
  expect(told('elsewhere')).toEqual([
    {
      ...{ type: 'elsewhere', whole: false },
      clients: [
        [endpoint, 2, 190],
        [other, 2, 130],
      ],
    },
  ]);
  // It shakes hands here.
  later(1_000);
  made.heard({ type: 'whereabouts', peers: [client(1, endpoint, nowMs())] });
  expect(told('elsewhere')).toMatchObject([{ clients: [[endpoint, -1, 1]] }]);
  later(140_000);
  made.beat();
  expect(told('elsewhere')).toMatchObject([{ whole: true, clients: [] }]);
});

test('only nodes of the group are heard, and of keys that are tunnels’ [S6]', () => {
  const { made, nowMs, told } = half();
  expect(made.told('p3', [client(1, endpoint, nowMs())])).toBe('');
  expect(made.told('stranger', [client(1, endpoint, nowMs())])).toBe('');
  made.told('p2', [client(77, endpoint, nowMs())]);
  expect(told('elsewhere')).toEqual([]);
  const alone = half(threePops(3));
  expect(alone.made.told('p2', [client(1, endpoint, alone.nowMs())])).toBe('');
});

test('a privileged half that is new is told everything again', () => {
  const { made, nowMs, told } = half();
  made.told('p2', [client(1, endpoint, nowMs())]);
  told('elsewhere');
  made.lost();
  expect(made.told('p2', [client(2, other, nowMs())])).toBe('');
  made.heard({ type: 'hello', accessPeers: 0 });
  expect(told('elsewhere')).toMatchObject([{ clients: [[endpoint, 2, 190]] }]);
});

test('a process that is new corrects what one before it has told, and tells everything once others have told it', () => {
  const { made, nowMs, told, later } = half();
  // Told before by nobody that is here, and at another node as far as the kernel knows.
  made.heard({ type: 'whereabouts', peers: [client(1, endpoint, nowMs())] });
  expect(told('elsewhere')).toMatchObject([{ whole: false, clients: [[endpoint, -1, 1]] }]);
  later(9_000);
  made.told('p2', [client(2, other, nowMs())]);
  made.beat();
  expect(told('elsewhere')).toMatchObject([{ whole: false, clients: [[other, 2, 190]] }]);
  later(1_000);
  made.beat();
  made.beat();
  expect(told('elsewhere')).toEqual([{ type: 'elsewhere', whole: true, clients: [[other, 2, 189]] }]);
  // One that has come back holds what it was told before it went; nothing of that counts.
  made.lost();
  made.heard({ type: 'hello', accessPeers: 0 });
  expect(told('elsewhere')).toEqual([{ type: 'elsewhere', whole: true, clients: [[other, 2, 189]] }]);
});

test('all that is known is told with who has only just come, or its last packets to the other node were lost', () => {
  const { made, nowMs, told, later, heardOf } = half();
  const link = pathsOf(shared(), 'p1').find(({ nodeId }) => nodeId === 'p2')?.link ?? '';
  made.heard({ type: 'links', links: [[link, false, 1]] });
  later(20_000);
  heardOf('p2');
  made.told('p2', [client(1, endpoint, nowMs())]);
  later(10);
  made.heard({ type: 'relayed', clients: [[endpoint, 0]] });
  made.heard({ type: 'whereabouts', peers: [client(1, endpoint, nowMs())] });
  told('elsewhere');
  made.heard({ type: 'hello', accessPeers: 0 });
  expect(told('elsewhere')).toMatchObject([{ whole: true, clients: [[endpoint, 2, 190]] }]);
  later(2_000);
  made.beat();
  expect(told('elsewhere')).toMatchObject([{ whole: false, clients: [[endpoint, -1, 1]] }]);
});

test('who keeps coming for five seconds is called, with its flows ahead; and left alone when it is here [N8]', async () => {
  const { made, nowMs, told, later, relayed, ahead, has, heardOf } = half();
  made.told('p2', [client(1, endpoint, nowMs())]);
  for (let second = 0; second < 5; second += 1) {
    later(1_000);
    relayed(endpoint);
    heardOf('p2');
  }
  expect(told('take-clients')).toEqual([]);
  later(1_000);
  relayed(endpoint);
  await eventually(() => has('take-clients'), 2_000);
  expect(ahead).toEqual(['t1 p2 1']);
  expect(told('take-clients')).toEqual([
    { type: 'take-clients', peers: [[testKey(1), endpoint, nowMs() - 6_000, 'p44w0', 30]] },
  ]);
  // Not called twice.
  later(1_000);
  relayed(endpoint);
  expect(told('take-clients')).toEqual([]);
  made.heard({ type: 'whereabouts', peers: [client(1, endpoint, nowMs())] });
  // Both hear it for a while: it may send in its older session still.
  expect(has('elsewhere') || has('leave-clients')).toBe(false);
  later(2_000);
  made.beat();
  expect([has('elsewhere'), placesIn(told('leave-clients'))]).toEqual([true, [[testKey(1), endpoint]]]);
});

test('of a node that BFD has lost, who comes here is called at once, and of others nobody [N8]', async () => {
  const { made, nowMs, told, later, relayed, has } = half();
  made.told('p2', [client(1, endpoint, nowMs()), client(2, other, nowMs())]);
  later(10);
  relayed(endpoint);
  expect(told('take-clients')).toEqual([]);
  const link = pathsOf(shared(), 'p1').find(({ nodeId }) => nodeId === 'p2')?.link ?? '';
  made.heard({ type: 'links', links: [[link, true, 0]] });
  await new Promise((resolve) => setImmediate(resolve));
  expect(has('take-clients')).toBe(false);
  made.heard({ type: 'links', links: [[link, false, 1]] });
  await eventually(() => has('take-clients'), 2_000);
  expect(placesIn(told('take-clients'))).toEqual([[testKey(1), endpoint]]);
});

test('of a PoP that nobody hears all are called, once; a standby calls nobody [N8]', async () => {
  const { made, nowMs, told, later, has } = half();
  const link = pathsOf(shared(), 'p1').find(({ nodeId }) => nodeId === 'p2')?.link ?? '';
  made.heard({ type: 'links', links: [[link, true, 0]] });
  made.told('p2', [client(1, endpoint, nowMs()), client(2, other, nowMs())]);
  made.heard({ type: 'duty', role: 'standby', epoch: 1, alarm: '' });
  later(6_000);
  made.beat();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told('take-clients')).toEqual([]);
  made.heard({ type: 'duty', role: 'active', epoch: 1, alarm: '' });
  // A daemon that is away while its node forwards.
  made.beat();
  await new Promise((resolve) => setImmediate(resolve));
  expect(told('take-clients')).toEqual([]);
  made.heard({ type: 'links', links: [[link, false, 1]] });
  made.beat();
  await eventually(() => has('take-clients'), 2_000);
  // One message is one process.
  expect(placesIn(told('take-clients'))).toHaveLength(2);
  made.beat();
  expect(told('take-clients')).toEqual([]);
  // Nobody has answered.
  later(10_000);
  made.beat();
  expect(placesIn(told('leave-clients'))).toHaveLength(2);
});

test('whether a node is gone is asked once for all of its clients, who are called by one message [N8]', () => {
  const { made, nowMs, told, later, relayed, looks } = half(shared(100));
  const clients = Array.from({ length: 100 }, (_, n) => client(n + 1, `198.18.90.2:${40_000 + n}`, nowMs()));
  made.told('p2', clients);
  const link = pathsOf(shared(), 'p1').find(({ nodeId }) => nodeId === 'p2')?.link ?? '';
  made.heard({ type: 'links', links: [[link, false, 1]] });
  later(10);
  const before = looks();
  relayed(...clients.map(([, at]) => at));
  expect(looks() - before).toBe(1);
  const sent = told('take-clients');
  expect([sent.length, placesIn(sent).length]).toEqual([1, 100]);
});
