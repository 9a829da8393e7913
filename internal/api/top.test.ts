import { afterAll, beforeAll, expect, test } from 'vitest';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { silenceMs } from '#internal/status/status.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let daemon: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  const client = apiClient(network, daemon);
  await createSmallFabric(client.fabric, client.pools, 3);
});
afterAll(() => network[Symbol.asyncDispose]());

const rate = (tunnelId: string, up: bigint, down = 0n) => ({
  ...{ tunnelId, upBytesPerSecond: up, downBytesPerSecond: down },
});

test('the busiest tunnels of all nodes that are heard, by name; no more than were asked for', async () => {
  const { tunnels } = apiClient(network, daemon);
  const ids: string[] = [];
  for (const name of ['low', 'high', 'mid'])
    ids.push((await tunnels.createTunnel({ name, owner: 'ada', publicKey: publicKey() })).tunnel?.id ?? '');
  const [low = '', high = '', mid = ''] = ids;
  const { status } = daemon;
  const traffic = { sessions: 2, upBytesPerSecond: 12n, downBytesPerSecond: 30n, handshakesPerMinute: 1 };
  status.update({ traffic, busiest: [rate(mid, 5n, 6n), rate(low, 1n), rate('gone', 9_000n)] });
  const fresh = new Date(Date.now() + 3_600_000);
  status.heard('p2', { ...status.own(), busiest: [rate(high, 2n ** 40n, 1n)] }, fresh);
  status.heard('p3', { ...status.own(), busiest: [rate(low, 2n ** 60n)] }, new Date(Date.now() - silenceMs - 1_000));
  const calls = network.as(StatusService, daemon);
  const all = await calls.getTop({ tunnels: 50 });
  expect(all.tunnels.map(({ name, owner, nodeId }) => `${owner}/${name} ${nodeId}`)).toEqual([
    'ada/high p2',
    'ada/mid p1',
    'ada/low p1',
  ]);
  expect(all.nodes.find(({ node }) => node?.id === 'p1')).toMatchObject({ connected: true, traffic });
  expect((await calls.getTop({ tunnels: 1 })).tunnels).toHaveLength(1);
  expect((await calls.getTop({})).tunnels).toEqual([]);
  await expect(calls.getTop({ tunnels: 51 })).rejects.toMatchObject({
    refusal: { refused: 'invalid', field: 'tunnels', value: '51' },
  });
});
