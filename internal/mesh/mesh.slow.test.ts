import { create } from '@bufbuild/protobuf';
import { afterEach, expect, test } from 'vitest';
import { type Clock, realClock } from '#internal/clock/clock.ts';
import { type Flow, mostFlows } from '#internal/dataplane/dataplane.ts';
import { NodeSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { createCa, issueNodeCertificate } from '#internal/identity/identity.ts';
import { type Claim, type Contest, createPresence } from '#internal/presence/presence.ts';
import { clientCredentials, connect, listen, newServer, serverCredentials, serverNameOf } from '#internal/rpc/rpc.ts';
import type { ReachQuestion } from '#internal/reach/reach.ts';
import { createStatus } from '#internal/status/status.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import type { Bytes } from '#internal/traffic/traffic.ts';
import { flowsTold } from './carry.ts';
import { askReach, createMesh, type Measure } from './mesh.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const validity = { now: new Date(), validForMs: 3_600_000 };
const ca = await createCa('test', validity);

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A daemon as far as the mesh goes, on a real socket with a certificate of its own. */
async function daemon(nodeId: string, port = 0, counted: Record<string, Bytes> = {}, clock: Clock = realClock) {
  const certificate = await issueNodeCertificate(ca, { id: nodeId, addresses: ['127.0.0.1'] }, validity);
  const identity = { ca: ca.certificatePem, certificate: certificate.certificatePem, key: certificate.privateKeyPem };
  const status = createStatus(nodeId);
  const parts = {
    nodeId,
    isSibling: () => false,
    together: () => false,
    onMove: () => undefined,
    onLost: () => undefined,
  };
  const presence = createPresence({ ...parts, onContest: () => undefined });
  const asked: string[] = [];
  const measured: ReachQuestion[] = [];
  const carried: [peer: string, tunnelId: string, flows: readonly Flow[]][] = [];
  const claims = {
    all: presence.all,
    told: (peer: string, told: readonly Claim[]) => presence.told(peer, told, 0),
    asked: (peer: string, contests: readonly Contest[]) =>
      asked.push(...contests.map(({ tunnelId, speaks }) => `${peer} ${tunnelId} ${speaks}`)),
    carried: (peer: string, tunnelId: string, flows: readonly Flow[]) => {
      carried.push([peer, tunnelId, flows]);
      return tunnelId === 't';
    },
    open: async (_peer: string, tunnelId: string) => (tunnelId === 't' ? carried.flatMap(([, , flows]) => flows) : []),
  };
  const credentials = clientCredentials(identity);
  const mesh = createMesh({
    nodeId,
    status,
    clock,
    log: quiet,
    credentials: () => credentials,
    presence: claims,
    traffic: { of: (tunnelId) => counted[tunnelId] },
  });
  const server = newServer();
  const pair = { told: () => '', takeOver: async () => '' };
  const measure: Measure = async (question) => {
    measured.push(question);
    return question.port === 0 ? { how: 'echo', rttMs: 12.5, problem: '' } : { how: '', problem: 'is asked too much' };
  };
  mesh.serve(server, { admit: () => undefined, report: () => undefined }, pair, measure);
  const listener = await listen(server, [`127.0.0.1:${port}`], serverCredentials(identity));
  const close = async (): Promise<void> => {
    mesh.close();
    await listener.close(100);
  };
  open.push(close);
  const [bound = 0] = listener.ports;
  const node = create(NodeSchema, { id: nodeId, meshAddress: '127.0.0.1', apiPort: bound });
  return { nodeId, status, presence, asked, measured, carried, mesh, node, port: bound, credentials, close };
}

async function pair() {
  const p1 = await daemon('p1');
  const p2 = await daemon('p2');
  for (const { mesh } of [p1, p2]) mesh.nodes([p1.node, p2.node]);
  await eventually(() => p1.status.of('p2')?.connected === true && p2.status.of('p1')?.connected === true, 5_000);
  return { p1, p2 };
}

test('what a node has applied is known to the other at once, both ways, not at the next heartbeat [N6]', async () => {
  const { p1, p2 } = await pair();
  for (const [from, to] of [
    [p1, p2],
    [p2, p1],
  ] as const)
    for (let revision = 1n; revision <= 5n; revision += 1n) {
      const began = performance.now();
      from.status.update({ appliedRevision: revision });
      await eventually(() => to.status.of(from.nodeId)?.report.appliedRevision === revision, 900);
      expect(performance.now() - began).toBeLessThan(900);
    }
  await eventually(() => (p1.status.of('p2')?.rttMs ?? 0) > 0 && (p2.status.of('p1')?.rttMs ?? 0) > 0, 5_000);
});

test('a node that goes is lost, one that comes back is heard again', async () => {
  const { p1, p2 } = await pair();
  await p2.close();
  await eventually(() => p1.status.of('p2')?.connected === false, 5_000);
  const again = await daemon('p2', p2.port);
  again.mesh.nodes([p1.node, again.node]);
  again.status.update({ appliedRevision: 44n });
  await eventually(() => p1.status.of('p2')?.connected === true, 5_000);
  await eventually(() => p1.status.of('p2')?.report.appliedRevision === 44n, 5_000);
});

test('a handshake moves a tunnel to where it happened; one that came before the stream is told when it opens [A3]', async () => {
  const p1 = await daemon('p1');
  const p2 = await daemon('p2');
  p1.presence.seen([{ tunnelId: 't', handshakeMs: 1_000 }], 1_000);
  for (const { mesh } of [p1, p2]) mesh.nodes([p1.node, p2.node]);
  await eventually(() => p2.presence.claimOf('t')?.nodeId === 'p1', 5_000);
  p2.mesh.tell(p2.presence.seen([{ tunnelId: 't', handshakeMs: 2_000 }], 2_000));
  await eventually(() => !p1.presence.here().has('t') && p2.presence.here().has('t'), 5_000);
  // The one that let go says so.
  await eventually(() => !p2.presence.here().contended('t'), 5_000);
  // An older claim is corrected, whoever makes it.
  p1.mesh.tell([{ tunnelId: 't', nodeId: 'p3', sequence: 1, handshakeMs: 9_000 }]);
  p1.mesh.tell(p1.presence.move('t', 'p1', 3_000));
  await eventually(() => p1.presence.here().has('t') && !p2.presence.here().has('t'), 5_000);
  expect(p2.presence.claimOf('t')).toEqual({ tunnelId: 't', nodeId: 'p1', sequence: 3, handshakeMs: 3_000 });
});

test('what a node carries, and its busiest tunnels, are told when they are new and stay until then [T9]', async () => {
  const { p1, p2 } = await pair();
  const traffic = { sessions: 3, upBytesPerSecond: 2n ** 40n, downBytesPerSecond: 7n, handshakesPerMinute: 9 };
  const busiest = [{ tunnelId: 't', upBytesPerSecond: 2n ** 40n, downBytesPerSecond: 0n }];
  p2.status.update({ traffic, busiest });
  await eventually(() => p1.status.of('p2')?.report.busiest.length === 1, 5_000);
  expect(p1.status.of('p2')?.report).toMatchObject({ traffic, busiest });
  // A frame without them.
  p2.status.update({ appliedRevision: 7n });
  await eventually(() => p1.status.of('p2')?.report.appliedRevision === 7n, 5_000);
  expect(p1.status.of('p2')?.report.busiest).toEqual(busiest);
  p2.status.update({ busiest: [] });
  await eventually(() => p1.status.of('p2')?.report.busiest.length === 0, 5_000);
});

test('[N8] figures and times that are none neither end the streams nor spread', async () => {
  const { p1, p2 } = await pair();
  p2.mesh.tell([{ tunnelId: 't', nodeId: 'p2', sequence: 3, handshakeMs: Number(2n ** 63n) }]);
  p2.status.update({ load: Number.NaN, loopLagMs: Number.POSITIVE_INFINITY });
  p2.status.update({ appliedRevision: 44n });
  await eventually(() => p1.status.of('p2')?.report.appliedRevision === 44n, 5_000);
  expect(p1.status.of('p2')?.report).toMatchObject({ load: 0, loopLagMs: 0 });
  expect(p1.presence.claimOf('t')).toBeUndefined();
});

test('of more streams than a node needs the oldest end, and it is heard on', async () => {
  const [p1, p2] = [await daemon('p1'), await daemon('p2')];
  const options = { serverName: serverNameOf('p2') };
  const connection = connect(MeshService, `127.0.0.1:${p2.port}`, p1.credentials, options);
  const stop = new AbortController();
  let over = 0;
  async function* silence() {
    yield { frame: { sentUs: 1n, report: {} } };
    await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  }
  const streams = Array.from({ length: 12 }, async () => {
    for await (const { frame } of connection.call.stream(silence(), { signal: stop.signal }))
      if (frame === undefined) break;
    over += 1;
  });
  const ended = Promise.allSettled(streams);
  await eventually(() => over >= 8, 10_000);
  expect(p2.status.of('p1')?.connected).toBe(true);
  expect(over).toBe(8);
  stop.abort();
  await ended;
  connection.close();
});

test('what is asked of a tunnel that another node holds comes once, with who asks', async () => {
  const { p1, p2 } = await pair();
  p1.mesh.ask([
    { tunnelId: 't', speaks: false },
    { tunnelId: 'u', speaks: true },
  ]);
  await eventually(() => p2.asked.length > 0, 5_000);
  p1.status.update({ load: 2 });
  await eventually(() => p2.status.of('p1')?.report.load === 2, 5_000);
  expect(p2.asked).toEqual(['p1 t false', 'p1 u true']);
});

const flow: Flow = {
  ...{ protocol: 'tcp', from: '44.31.0.7', to: '198.18.0.1', fromPort: 1024, toPort: 80 },
  ...{ state: 'ESTABLISHED', secondsLeft: 299, answered: true, assured: true, mark: 69 },
};
const stream: Flow = { ...flow, protocol: 'udp', state: '', from: '2001:db8::7', to: '2001:db8:1::1' };

test('flows of a tunnel that has moved come to the node that holds it, with who sends them [A3]', async () => {
  const { p1, p2 } = await pair();
  const signal = AbortSignal.timeout(10_000);
  expect(await p2.mesh.carry('p1', 't', [flow, stream], signal)).toBe(true);
  expect(p1.carried).toEqual([['p2', 't', [flow, stream]]]);
  expect(await p1.mesh.carry('p2', 'u', [], signal)).toBe(false);
  expect(await p1.mesh.carry('p9', 't', [flow], signal)).toBe(false);
});

test('what is no flow is left out, and of more than there may be the rest', () => {
  const { state, ...rest } = { ...flow, protocol: 6 };
  const wire = { ...rest, state };
  const strange = [
    { ...wire, protocol: 1 },
    { ...wire, protocol: 17 },
    { ...wire, state: 'SYN_SENT' },
    { ...wire, state: '' },
    { ...wire, state: 'ESTABLISHED -F' },
    { ...wire, from: '44.31.0.7/32' },
    { ...wire, to: '198.18.0.1\n-F' },
    { ...wire, to: '2001:db8::1' },
    { ...wire, fromPort: 65_536 },
    { ...wire, toPort: 65_536 },
  ];
  expect(flowsTold([...strange, wire])).toEqual([flow]);
  expect(flowsTold(Array.from({ length: mostFlows + 1 }, () => wire))).toHaveLength(mostFlows);
});

test('what others have counted of a tunnel is asked for; one that is away is silent [P4]', async () => {
  const counted = { upBytes: 5, downBytes: 7_000_000_000_000, sinceMs: 1, lastMs: 2 };
  const p1 = await daemon('p1');
  const p2 = await daemon('p2', 0, { a: counted });
  const p3 = await daemon('p3');
  await p3.close();
  for (const { mesh } of [p1, p2]) mesh.nodes([p1.node, p2.node, p3.node]);
  const asked = async (tunnelId: string) => p1.mesh.usage(tunnelId, AbortSignal.timeout(10_000));
  expect(await asked('a')).toEqual([
    { nodeId: 'p2', bytes: counted },
    { nodeId: 'p3', bytes: 'silent' },
  ]);
  expect(await asked('b')).toEqual([{ nodeId: 'p2' }, { nodeId: 'p3', bytes: 'silent' }]);
});

test('each node of a pair knows how far the clock of the other is ahead, and its load [N6]', async () => {
  const ahead: Clock = { ...realClock, wall: () => new Date(realClock.wall().getTime() + 60_000) };
  const p1 = await daemon('p1');
  const p2 = await daemon('p2', 0, {}, ahead);
  p2.status.update({ load: 1.5 });
  for (const { mesh } of [p1, p2]) mesh.nodes([p1.node, p2.node]);
  // Half a round trip on a machine that stands still for 2 s.
  const near = (offset: number | undefined, wanted: number): boolean => Math.abs((offset ?? 0) - wanted) < 2_000;
  await eventually(
    () => near(p1.status.of('p2')?.clockOffsetMs, 60_000) && near(p2.status.of('p1')?.clockOffsetMs, -60_000),
    10_000,
  );
  expect(p1.status.of('p2')?.report.load).toBe(1.5);
});

test('another node measures as it is asked; one that is away is a problem of the answer', async () => {
  const p1 = await daemon('p1');
  const p2 = await daemon('p2');
  p1.mesh.nodes([p1.node, p2.node]);
  const target = p1.mesh.addressOf('p2') ?? '';
  const question = { address: '198.18.90.2', port: 0, directly: false, tunnelIds: ['t'] };
  const ask = (of: ReachQuestion) =>
    askReach({ nodeId: 'p2', target }, of, p1.credentials, AbortSignal.timeout(10_000));
  expect(await ask(question)).toEqual({ how: 'echo', rttMs: 12.5, problem: '' });
  expect(await ask({ ...question, port: 80, directly: true })).toEqual({ how: '', problem: 'is asked too much' });
  const many = Array.from({ length: 100 }, (_, at) => String(at));
  await ask({ ...question, tunnelIds: many });
  expect(p2.measured).toEqual([
    question,
    { ...question, port: 80, directly: true },
    { ...question, tunnelIds: many.slice(0, 64) },
  ]);
  await p2.close();
  expect(await ask(question)).toEqual({ how: '', problem: 'p2 does not answer: unavailable' });
});
