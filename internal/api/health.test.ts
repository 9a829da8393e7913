import { afterEach, beforeEach, expect, test } from 'vitest';
import { Health, HealthCheckResponse_ServingStatus as Serving } from '#internal/gen/grpc/health/v1/health_pb.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createPops } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let daemon: ApiDaemon;
beforeEach(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
});
afterEach(async () => {
  await network[Symbol.asyncDispose]();
});

test('a daemon serves with a dataplane and a free brake, and not without one of them', async () => {
  const health = network.as(Health, daemon);
  const of = async (service = ''): Promise<Serving> => (await health.check({ service })).status;
  await createPops(apiClient(network, daemon).fabric, 1);
  for (const name of ['', 'pop44.v1.StatusService', 'pop44.v1.MeshService'])
    expect(await of(name)).toBe(Serving.SERVING);
  const listed = async () => Object.entries((await health.list({})).statuses);
  expect((await listed()).length).toBeGreaterThan(9);
  expect(new Map(await listed()).get('')?.status).toBe(Serving.SERVING);
  daemon.dataplane = false;
  for (const [, { status }] of await listed()) expect(status).toBe(Serving.NOT_SERVING);
  expect(await of('pop44.v1.TunnelService')).toBe(Serving.NOT_SERVING);
  daemon.dataplane = true;
  daemon.status.update({ held: 'too much would go' });
  expect(await of()).toBe(Serving.NOT_SERVING);
  daemon.status.update({ held: '' });
  expect(await of()).toBe(Serving.SERVING);
});

test('who watches is told at once, at every change and of no other', async () => {
  await createPops(apiClient(network, daemon).fabric, 1);
  const seen: Serving[] = [];
  for await (const { status } of network.as(Health, daemon).watch({ service: '' })) {
    seen.push(status);
    if (seen.length === 4) break;
    if (seen.length === 1) {
      daemon.status.update({ load: 1 });
      daemon.status.update({ held: 'too much would go' });
    }
    if (seen.length === 2) daemon.status.update({ held: '' });
    if (seen.length === 3) {
      daemon.dataplane = false;
      daemon.status.update({ load: 2 });
    }
  }
  expect(seen).toEqual([Serving.SERVING, Serving.NOT_SERVING, Serving.SERVING, Serving.NOT_SERVING]);
});

test('a service that is none of this server is refused, and watched as unknown', async () => {
  const health = network.as(Health, daemon);
  await expect(health.check({ service: 'no.Such' })).rejects.toMatchObject({
    refusal: { refused: 'not-found', field: 'service', value: 'no.Such' },
  });
  for await (const { status } of health.watch({ service: 'no.Such' })) {
    expect(status).toBe(Serving.SERVICE_UNKNOWN);
    break;
  }
});

test('a node that is none of the network does not learn how this one fares [S6]', async () => {
  const stranger = network.as(Health, daemon, await network.identityOf('node', 'p9'));
  await expect(stranger.check({ service: '' })).rejects.toMatchObject({ refusal: { refused: 'forbidden' } });
});
