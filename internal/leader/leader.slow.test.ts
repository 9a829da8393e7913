import { createServer } from 'node:net';
import { once } from 'node:events';
import { create, toBinary } from '@bufbuild/protobuf';
import { afterEach, expect, test } from 'vitest';
import { NodeSchema, OperationSchema, PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocateRequestSchema, AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Identity } from '#internal/rpc/rpc.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';

const key = '/pop44/election/v1/leader/any';
const address = { wishes: [{ family: 4 }] };

/** Two daemons, of which p2 leads every pool unless told otherwise. */
async function two() {
  const store = memoryStore();
  const leads = { believed: 'p2', held: 'p2' };
  const network = await apiNetwork(store.follower, ['p1', 'p2'], (node) => ({
    leaderOf: () => leads.believed,
    held: (poolId) => (leads.held === node ? { poolId, key, createRevision: 1n } : undefined),
  }));
  open.push(network);
  const [p1, p2] = network.daemons as [ApiDaemon, ApiDaemon];
  await createSmallFabric(network.as(FabricService, p1), network.as(PoolService, p1), 2);
  const by = async (requestId: string) => (await store.readOperation(requestId))?.operation.nodeId;
  return { store, leads, network, p1, p2, by, allocations: network.as(AllocationService, p1) };
}
const open: ApiNetwork[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((network) => network[Symbol.asyncDispose]()));
});

test('any daemon takes a request, and the leader of its pool carries it out [A6]', async () => {
  const { allocations, by, network, p1 } = await two();
  const { changed, allocations: given } = await allocations.allocate({ ...address, change: { requestId: 'one' } });
  expect(given).toMatchObject([{ owner: 'admin/ada', homePopId: 'p1', etag: String(changed?.revision) }]);
  expect(await by('one')).toBe('p2');
  const { tunnel } = await network
    .as(TunnelService, p1)
    .createTunnel({ publicKey: publicKey(), change: { requestId: 'two' } });
  expect(tunnel?.popIds[0]).toBe('p1');
  expect(await by('two')).toBe('p2');
});

test('what is asked for at the same time travels and is committed together', async () => {
  const { allocations, store } = await two();
  const before = await store.currentRevision();
  const answers = await Promise.all(Array.from({ length: 100 }, () => allocations.allocate(address)));
  expect(new Set(answers.map(({ allocations: given }) => given[0]?.prefix)).size).toBe(100);
  expect(Number((await store.currentRevision()) - before)).toBeLessThan(50);
});

test('a stream of allocations is answered one by one, refusals among them', async () => {
  const { allocations } = await two();
  const calls = Array.from({ length: 20 }, (_, at) => ({
    tag: BigInt(at),
    request: at === 7 ? { wishes: [{ prefix: '44.31.0.9/29' }] } : address,
  }));
  const seen = new Map<bigint, string | undefined>();
  const outgoing = (async function* () {
    yield { calls: calls.slice(0, 10) };
    yield { calls: calls.slice(10) };
  })();
  for await (const { outcomes } of allocations.allocateMany(outgoing)) {
    for (const { tag, outcome } of outcomes)
      seen.set(tag, outcome.case === 'refusal' ? outcome.value.reason : outcome.case);
  }
  expect(seen.size).toBe(20);
  expect(seen.get(7n)).toBe('misaligned');
  expect([...seen.values()].filter((word) => word === 'granted')).toHaveLength(19);
});

test("the leader's refusal reaches the caller as it is", async () => {
  const { allocations } = await two();
  const refused = allocations.release({ prefixes: ['44.31.0.200/32'] });
  await expect(refused).rejects.toMatchObject({ refusal: { refused: 'not-found' } });
});

test.each([
  ['nobody leads', { believed: '', held: '' }],
  ['the leader is no longer one', { believed: 'p2', held: '' }],
  ['the leader is a node that is gone', { believed: 'p9', held: 'p9' }],
])('where %s the request is carried out where it was taken', async (_, now) => {
  const { allocations, leads, by } = await two();
  Object.assign(leads, now);
  const { allocations: given } = await allocations.allocate({ ...address, change: { requestId: 'here' } });
  expect(given).toHaveLength(1);
  expect(await by('here')).toBe('p1');
});

test('a leader that is silent costs half a second once, and nothing is done twice [A7]', async () => {
  const { allocations, p1, by } = await two();
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const port = silent.address();
  if (port === null || typeof port === 'string') throw new Error('no port');
  p1.leader?.nodes([create(NodeSchema, { id: 'p2', meshAddress: '127.0.0.1', apiPort: port.port })]);
  const began = performance.now();
  const { changed } = await allocations.allocate({ ...address, change: { requestId: 'slow' } });
  expect(changed?.repeated).toBe(false);
  expect(performance.now() - began).toBeGreaterThan(400);
  expect(await by('slow')).toBe('p1');
  const again = performance.now();
  await allocations.allocate({ ...address, change: { requestId: 'next' } });
  expect(performance.now() - again).toBeLessThan(400);
  silent.close();
});

test('what is refused while a silent leader may still carry it out is refused for good [A7]', async () => {
  const { allocations, p1, network, leads } = await two();
  await allocations.allocate({ wishes: [{ prefix: '44.31.0.77/32' }] });
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const port = silent.address();
  if (port === null || typeof port === 'string') throw new Error('no port');
  p1.leader?.nodes([create(NodeSchema, { id: 'p2', meshAddress: '127.0.0.1', apiPort: port.port })]);
  const request = { wishes: [{ prefix: '44.31.0.77/32' }], change: { requestId: 'again' }, owner: 'eve' };
  await expect(allocations.allocate(request)).rejects.toMatchObject({ refusal: { refused: 'taken' } });
  // The address is free again; the request id is not.
  await allocations.release({ prefixes: ['44.31.0.77/32'] });
  leads.held = leads.believed = '';
  const late = network.as(AllocationService, network.daemons[1] ?? p1).allocate(request);
  await expect(late).rejects.toMatchObject({ refusal: { refused: 'taken' } });
  silent.close();
});

test('deposed between deciding and committing, the leader carries it out as any daemon does', async () => {
  const { allocations, store, by } = await two();
  store.deposed.add(key);
  await allocations.allocate({ ...address, change: { requestId: 'deposed' } });
  expect(await by('deposed')).toBe('p2');
});

/** What one forwarded command is answered, by p2 to whoever has this identity. */
async function forwarding(network: ApiNetwork, identity: Identity, command: object) {
  const [, p2] = network.daemons as [ApiDaemon, ApiDaemon];
  const outgoing = (async function* () {
    yield { commands: [{ poolId: '4-2c1f0000-22', localPopId: 'p1', tag: 1n, requestId: 'forged', ...command }] };
  })();
  for await (const { answers } of network.as(LeaderService, p2, identity).forward(outgoing)) {
    const [outcome] = answers.map((answer) => answer.outcome);
    return outcome?.case === 'refusal' ? outcome.value.reason : outcome?.case;
  }
  return undefined;
}
const allocation = {
  method: '/pop44.v1.AllocationService/Allocate',
  request: toBinary(AllocateRequestSchema, create(AllocateRequestSchema, address)),
};

test.each([
  TrustService.method.revokeNode,
  TrustService.method.createJoinToken,
  FabricService.method.createNode,
  FabricService.method.rotateInterconnectKey,
])('what no leader decides is carried out for nobody else: $name [S6]', async ({ name, parent }) => {
  const { network, store } = await two();
  const before = store.commits.length;
  const p1 = await network.identityOf('node', 'p1');
  const request = new Uint8Array();
  const command = { method: `/${parent.typeName}/${name}`, request, principal: 'admin/ada' };
  expect(await forwarding(network, p1, command)).toBe('notLeader');
  expect(store.commits).toHaveLength(before);
});

test.each([
  ['a node, which may not ask itself either', 'node/p1', 'forbidden'],
  ['a node that is none', 'node/p9', 'forbidden'],
  ['nobody', '', 'unauthenticated'],
  ['a name that no certificate bears', 'admin/Ada\n', 'unauthenticated'],
  ['an admin', 'admin/ada', 'granted'],
])('whom a request is forwarded for is asked as who calls is: %s [S6]', async (_, principal, answer) => {
  const { network, store } = await two();
  const p1 = await network.identityOf('node', 'p1');
  expect(await forwarding(network, p1, { ...allocation, principal })).toBe(answer);
  expect((await store.readOperation('forged')) !== undefined).toBe(answer === 'granted');
});

test('only daemons of COREs and REGIONALs forward [S6]', async () => {
  const { network, store, p1, p2 } = await two();
  const fabric = network.as(FabricService, p1);
  await fabric.createPop({ pop: { ...popRequest(3), kind: PopKind.MICRO } });
  await fabric.createNode({ node: nodeRequest(3) });
  await eventually(() => p2.head.snapshot().nodes.has('p3'), 5_000);
  for (const [kind, id] of [
    ['node', 'p3'],
    ['node', 'p9'],
    ['admin', 'ada'],
  ] as const) {
    const asked = forwarding(network, await network.identityOf(kind, id), { ...allocation, principal: 'admin/ada' });
    await expect(asked).rejects.toMatchObject({ refusal: { refused: 'forbidden' } });
  }
  expect(await store.readOperation('forged')).toBeUndefined();
});

test('a node that is removed forwards nothing more, not over the stream that it has open either', async () => {
  const { network, p1, leads, store } = await two();
  leads.believed = leads.held = 'p1';
  const leader = network.as(LeaderService, p1, await network.identityOf('node', 'p2'));
  const more = Promise.withResolvers<void>();
  const poolId = '4-2c1f0000-22';
  const request = toBinary(AllocateRequestSchema, create(AllocateRequestSchema, address));
  const method = '/pop44.v1.AllocationService/Allocate';
  const command = { poolId, method, principal: 'admin/ada', localPopId: 'p2', request };
  const outgoing = (async function* () {
    yield { commands: [{ ...command, tag: 1n, requestId: 'before' }] };
    await more.promise;
    yield { commands: [{ ...command, tag: 2n, requestId: 'after' }] };
  })();
  const heard: (string | undefined)[] = [];
  for await (const { answers } of leader.forward(outgoing)) {
    heard.push(...answers.map(({ outcome }) => outcome.case));
    if (heard.length > 1) break;
    await store.commit(
      { compares: [], writes: [{ op: 'delete', kind: 'node', id: 'p2' }] },
      create(OperationSchema, { requestId: 'removed' }),
    );
    await eventually(() => !p1.head.snapshot().nodes.has('p2'), 1_000);
    more.resolve();
  }
  expect(heard).toEqual(['granted']);
  expect(await store.readOperation('after')).toBeUndefined();
});
