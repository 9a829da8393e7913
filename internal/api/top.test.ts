import { afterAll, beforeAll, expect, test } from 'vitest';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { silenceMs } from '#internal/status/status.ts';
import { goodPassword, mailbox, newSecret } from '#internal/testkit/accounts.ts';
import { apiClient } from '#internal/testkit/api-client.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore, type StoreSide } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, popRequest, publicKey } from '#internal/testkit/requests.ts';

let network: ApiNetwork;
let daemon: ApiDaemon;
const sides: StoreSide[] = [];
beforeAll(async () => {
  const store = memoryStore();
  network = await apiNetwork(
    (onAdvance) => {
      const side = store.follower(onAdvance);
      sides.push(side);
      return side;
    },
    ['p1'],
  );
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

test('a regional admin sees the nodes, and of the tunnels those that a list shows [S7]', async () => {
  await using box = await mailbox(sides[0] as StoreSide);
  const { fabric, people, tunnels } = apiClient(network, daemon);
  await people.signUp({ callsign: 'OE1REG', email: 'reg@example.org', password: goodPassword });
  await people.verify({ secret: await box.secretTo('reg@example.org', 'confirm your address') });
  await people.approveUser({ user: 'OE1REG' });
  await fabric.createPop({ pop: { ...popRequest(4), kind: PopKind.REGIONAL, singleHomed: true } });
  await people.setUserRole({ user: 'OE1REG', role: UserRole.REGIONAL_ADMIN, popIds: ['p4'] });
  const { bearer, secretHash } = newSecret();
  await people.login({ name: 'OE1REG', password: goodPassword, secretHash, label: 'test' });
  const made = await tunnels.createTunnel({ name: 'there', publicKey: publicKey(), homePopId: 'p4' });
  const other = await tunnels.createTunnel({ name: 'here', publicKey: publicKey(), homePopId: 'p1' });
  const busiest = [other, made].map(({ tunnel }, at) => rate(tunnel?.id ?? '', BigInt(9_000 - at)));
  daemon.status.update({ busiest });
  const seen = await network.bearing(StatusService, daemon, bearer).getTop({ tunnels: 10 });
  expect(seen.tunnels.map(({ name }) => name)).toEqual(['there']);
  expect(seen.nodes).toHaveLength(3);
});
