import { equals } from '@bufbuild/protobuf';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { CreateTunnelResponseSchema, TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';
import { gatekeeper } from './policy.ts';

const store = memoryStore();
let network: ApiNetwork;
let a: ApiDaemon;
let b: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(store.follower, ['p1', 'p2']);
  [a, b] = network.daemons as [ApiDaemon, ApiDaemon];
  await createSmallFabric(network.as(FabricService, a), network.as(PoolService, a), 2);
});
afterAll(() => network[Symbol.asyncDispose]());

const tunnels = (daemon = a) => network.as(TunnelService, daemon);
const refusal = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: unknown }) => thrown.refusal ?? thrown,
  );

test('a tunnel lives: created, found, listed, changed and deleted [T1]', async () => {
  const { tunnel, changed } = await tunnels().createTunnel({ name: 'life', publicKey: publicKey() });
  expect(tunnel).toMatchObject({ name: 'life', owner: 'admin/ada', enabled: true, popIds: ['p1', 'p2'], mtu: 1420 });
  expect(tunnel?.prefixes).toEqual([expect.stringMatching(/^44\.31\./), expect.stringMatching(/^2001:db8:44:/)]);
  expect(tunnel?.etag).toBe(String(changed?.revision));
  // Straight on, by the answer's etag, although no watch has shown it to the daemon yet.
  const updated = await tunnels().updateTunnel({
    tunnel: 'life',
    enabled: false,
    change: { etag: tunnel?.etag ?? '' },
  });
  expect(updated.tunnel).toMatchObject({ enabled: false, etag: String(updated.changed?.revision) });
  const stale = tunnels().updateTunnel({ tunnel: 'life', enabled: true, change: { etag: tunnel?.etag ?? '' } });
  expect(await refusal(stale)).toMatchObject({ refused: 'stale-etag' });
  const got = await tunnels().getTunnel({ tunnel: 'admin/ada/life' });
  expect(got.tunnel).toEqual(updated.tunnel);
  expect((await tunnels().listTunnels({})).tunnels.map(({ name }) => name)).toContain('life');
  await tunnels().deleteTunnel({ tunnel: 'life' });
  expect(await refusal(tunnels().deleteTunnel({ tunnel: 'life' }))).toMatchObject({ refused: 'not-found' });
  await eventually(() => !a.head.snapshot().tunnelsByName.has('life'), 1_000);
  expect(await refusal(tunnels().getTunnel({ tunnel: 'life' }))).toMatchObject({ refused: 'not-found' });
});

test('what one daemon created, another shows and deletes at once', async () => {
  b.pause();
  await tunnels(a).createTunnel({ name: 'elsewhere', publicKey: publicKey() });
  setTimeout(() => b.resume(), 20);
  expect((await tunnels(b).getTunnel({ tunnel: 'elsewhere' })).tunnel?.name).toBe('elsewhere');
  b.pause();
  await tunnels(a).createTunnel({ name: 'again', publicKey: publicKey() });
  setTimeout(() => b.resume(), 20);
  await tunnels(b).deleteTunnel({ tunnel: 'again' });
  await tunnels(b).deleteTunnel({ tunnel: 'elsewhere' });
});

test('a repeat at another daemon gives the same bytes [A7]', async () => {
  const request = { name: 'twice', publicKey: publicKey(), change: { requestId: 'twice-1' } };
  const first = await tunnels(a).createTunnel(request);
  const second = await tunnels(b).createTunnel(request);
  expect(second.changed).toMatchObject({ repeated: true, revision: first.changed?.revision });
  const { changed: _, ...answer } = first;
  const { changed: __, ...again } = second;
  expect(equals(CreateTunnelResponseSchema, answer, again)).toBe(true);
});

test('a dry run shows the records and changes nothing', async () => {
  const before = await store.currentRevision();
  const { changed, tunnel } = await tunnels().createTunnel({
    name: 'dry',
    publicKey: publicKey(),
    change: { dryRun: true },
  });
  expect(changed?.decision.map((line) => line.split('/')[0])).toContain('put tunnel');
  expect(tunnel).toMatchObject({ name: 'dry', etag: '' });
  expect(await store.currentRevision()).toBe(before);
});

test('a file can be made of the template at every PoP of the tunnel [T10]', async () => {
  await tunnels().createTunnel({ name: 'file', publicKey: publicKey() });
  const template = await tunnels().getTunnelTemplate({ tunnel: 'file' });
  expect(template).toMatchObject({ endpointAddress: '198.18.1.2', endpointPort: 51820, mtu: 1420, tunnelName: 'file' });
  expect(template.addresses).toHaveLength(2);
  const other = await tunnels().getTunnelTemplate({ tunnel: 'file', popId: 'p2', endpointIpv6: true });
  expect(other.endpointAddress).toBe('2001:db8:1:2::2');
  expect(await refusal(tunnels().getTunnelTemplate({ tunnel: 'file', popId: 'p9' }))).toMatchObject({
    refused: 'not-found',
  });
});

test('a long list comes in pages that neither repeat nor miss', async () => {
  for (let n = 0; n < 7; n += 1) await tunnels().createTunnel({ owner: 'club', name: `n${n}`, publicKey: publicKey() });
  await eventually(() => a.head.snapshot().tunnelsByName.has('n6'), 1_000);
  const names: string[] = [];
  let pageToken = '';
  do {
    const page = await tunnels().listTunnels({ owner: 'club', pageSize: 3, pageToken });
    expect(page.tunnels.length).toBeLessThanOrEqual(3);
    names.push(...page.tunnels.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(names.sort()).toEqual(['n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6']);
  expect(await refusal(tunnels().listTunnels({ pageSize: 1_001 }))).toMatchObject({ field: 'page_size' });
  expect(await refusal(tunnels().listTunnels({ pageToken: 'n0' }))).toMatchObject({ field: 'page_token' });
});

test('answers that read tell their age', async () => {
  const pools = network.as(PoolService, b);
  expect((await pools.listPools({})).freshness).toMatchObject({ stale: false });
  b.connected = false;
  const { freshness, pools: listed } = await pools.listPools({});
  b.connected = true;
  expect(freshness?.stale).toBe(true);
  expect(freshness?.revision).toBe(b.head.snapshot().revision);
  expect(listed.map(({ prefix }) => prefix)).toEqual(['44.31.0.0/22', '2001:db8:44::/48']);
});

test('without the store what is held is still shown, and what is not is not found', async () => {
  store.faults.push('away');
  expect((await network.as(PoolService, a).getPool({ pool: '44.31.0.0/22' })).pool?.slabs).toBeGreaterThan(0);
  const gone = refusal(network.as(PoolService, a).getPool({ pool: '44.99.0.0/22' }));
  expect(await gone).toMatchObject({ refused: 'not-found' });
  const create = refusal(tunnels().createTunnel({ name: 'away', publicKey: publicKey() }));
  expect(await create).toMatchObject({ code: 'unavailable' });
});

test('the state of the network as a daemon sees it', async () => {
  a.status.heard('p2', { ...a.status.own(), failingSteps: 3, held: 'too much would go' }, new Date(), {
    rttMs: 1.5,
    clockOffsetMs: -20.5,
  });
  const status = await network.as(StatusService, a).getStatus({});
  expect(status).toMatchObject({ nodeId: 'p1', version: '0.0.0-test', quarantinedKeys: ['pop/x'] });
  expect(status.nodes).toMatchObject([
    { connected: true, failingSteps: 0, node: { id: 'p1' } },
    {
      connected: true,
      failingSteps: 3,
      held: 'too much would go',
      rttMs: 1.5,
      clockOffsetMs: -20.5,
      node: { id: 'p2' },
    },
  ]);
  a.status.lost('p2');
  expect((await network.as(FabricService, a).listNodes({})).nodes[1]).toMatchObject({ connected: false });
});

test('waiting ends when every node of the placement has applied', async () => {
  const { changed, tunnel } = await tunnels().createTunnel({ name: 'wait', publicKey: publicKey() });
  const revision = changed?.revision ?? 0n;
  const waits = network.as(StatusService, a).waitApplied({ revision, tunnel: tunnel?.id ?? '' });
  const seen: string[][] = [];
  for await (const { pendingNodeIds } of waits) {
    seen.push(pendingNodeIds);
    if (pendingNodeIds.join() === 'p2') a.status.heard('p2', { ...a.status.own() }, new Date());
  }
  expect(seen.at(-1)).toEqual([]);
  expect(seen.flat()).toContain('p2');
});

test.each([
  ['a node that is not there', { revision: 1n, nodeIds: ['p9'] }, 'not-found'],
  ['a tunnel that is not there', { revision: 1n, tunnel: 'p9' }, 'not-found'],
  ['both at once', { revision: 1n, tunnel: 'wait', nodeIds: ['p1'] }, 'invalid'],
])('waiting for %s is refused', async (_, request, refused) => {
  const wait = async () => {
    for await (const _ of network.as(StatusService, a).waitApplied(request)) break;
  };
  expect(await refusal(wait())).toMatchObject({ refused });
});

test('a brake is released at its own daemon alone', async () => {
  a.held = 'too much would go';
  const status = network.as(StatusService, a);
  expect(await refusal(status.releaseBrake({ nodeId: 'p2' }))).toMatchObject({ refused: 'invalid', field: 'node_id' });
  expect(await status.releaseBrake({ nodeId: 'p1' })).toMatchObject({ held: 'too much would go' });
});

test('a brake that cannot be released says why', async () => {
  a.status.update({ held: 'the records want a reader of version 2' });
  const refused = await refusal(network.as(StatusService, a).releaseBrake({ nodeId: 'p1' }));
  expect(refused).toMatchObject({ refused: 'held', message: expect.stringContaining('a reader of version 2') });
  a.status.update({ held: '' });
});

test('every call is checked against the nodes that there are', async () => {
  const fabric = network.as(FabricService, a);
  const asNode = async (id: string) => network.as(PoolService, a, await network.identityOf('node', id));
  const p3 = await asNode('p3');
  expect(await refusal(p3.listPools({}))).toMatchObject({ refused: 'forbidden', cure: 'pop44 node create' });
  await fabric.createPop({ pop: { ...popRequest(3), kind: PopKind.MICRO } });
  await fabric.createNode({ node: nodeRequest(3) });
  await eventually(() => a.head.snapshot().nodes.has('p3'), 1_000);
  expect(await refusal(p3.listPools({}))).toMatchObject({
    refused: 'forbidden',
    cure: expect.stringMatching(/^for .*regional-node$/) as unknown,
  });
  expect((await (await asNode('p2')).listPools({})).pools).toHaveLength(2);
});

const [admin, core, micro, stranger] = [
  { kind: 'admin', id: 'ada' },
  { kind: 'node', id: 'p1' },
  { kind: 'node', id: 'p3' },
  { kind: 'node', id: 'p9' },
] as const;
test.each([
  ['an admin the mesh', admin, MeshService.method.stream, false],
  ['an admin a change', admin, TunnelService.method.createTunnel, true],
  ['an admin the brake', admin, StatusService.method.releaseBrake, true],
  ['a node of a CORE the mesh', core, MeshService.method.stream, true],
  ['a node of a CORE a change', core, TunnelService.method.createTunnel, false],
  ['a node of a MICRO the mesh', micro, MeshService.method.stream, false],
  ['a node of a MICRO the brake', micro, StatusService.method.releaseBrake, false],
  ['a stranger a look', stranger, StatusService.method.getStatus, false],
] as const)('policy: %s', (_, principal, method, may) => {
  const { admit } = gatekeeper(a.head.snapshot, () => undefined, realClock);
  expect(admit(principal, method) === undefined).toBe(may);
});

test('nothing of all this was unexpected', () => {
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
