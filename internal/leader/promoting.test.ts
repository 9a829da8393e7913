import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { parseWgKey } from '#internal/netip/netip.ts';
import { peerKeyId } from '#internal/model/model.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';
import { createPromoter } from './leader.ts';

const store = memoryStore();
const ended = new AbortController();
const failures: unknown[] = [];
let network: ApiNetwork;
let daemon: ApiDaemon;
let made = 0;
beforeAll(async () => {
  network = await apiNetwork(store.follower, ['p1']);
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 1);
});
afterAll(async () => {
  ended.abort(new Error('over'));
  await network[Symbol.asyncDispose]();
});

const tunnels = () => network.as(TunnelService, daemon);
const promoter = () =>
  createPromoter(
    {
      nodeId: 'p1',
      clock: { ...realClock, sleep: (ms, signal) => realClock.sleep(ms / 50, signal) },
      head: daemon.head,
      store,
      newId: () => `promotion-${++made}`,
      failed: (thrown) => failures.push(thrown),
    },
    ended.signal,
  );
const claimed = (key: string): string | undefined =>
  daemon.head.snapshot().peerkeys.get(peerKeyId(parseWgKey(key) as never))?.record.tunnelId;
async function rotating() {
  const [current, next] = [publicKey(), publicKey()];
  const { tunnel } = await tunnels().createTunnel({ publicKey: current });
  const id = tunnel?.id ?? '';
  await tunnels().rotateTunnelKey({ tunnel: id, nextPublicKey: next });
  await eventually(() => daemon.head.snapshot().tunnels.get(id)?.record.nextPublicKey === next, 5_000);
  return { id, current, next, record: () => daemon.head.snapshot().tunnels.get(id)?.record };
}

test("a next key that shakes hands becomes the tunnel's, and the old one nobody's [T6]", async () => {
  const { id, current, next, record } = await rotating();
  promoter().shook([publicKey(), current, 'no key', next]);
  await eventually(() => record()?.publicKey === next, 5_000);
  expect(record()).toMatchObject({ nextPublicKey: '' });
  expect([claimed(next), claimed(current)]).toEqual([id, undefined]);
});

test('without the store it is tried until the store is back [T6]', async () => {
  const { next, record } = await rotating();
  store.faults.push('away', 'lost-before', 'lost-after');
  promoter().shook([next]);
  await eventually(() => record()?.publicKey === next, 5_000);
  expect(failures.length).toBeGreaterThanOrEqual(2);
});

test('a handshake of the current key, or of one that was taken back, changes nothing [T6]', async () => {
  const { id, current, next } = await rotating();
  const before = store.commits.length;
  promoter().shook([current]);
  expect(store.commits).toHaveLength(before);
  await tunnels().rotateTunnelKey({ tunnel: id, cancel: true });
  await eventually(() => daemon.head.snapshot().tunnels.get(id)?.record.nextPublicKey === '', 5_000);
  promoter().shook([next]);
  expect(store.commits).toHaveLength(before + 1);
});
