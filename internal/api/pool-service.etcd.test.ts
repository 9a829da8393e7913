import { afterAll, beforeAll, expect, test } from 'vitest';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { type EtcdSide, etcdSide } from '#internal/testkit/etcd-side.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';
import { rawAt } from '#internal/testkit/stores.ts';

// What only etcd can say: that the largest transactions are not too large for it, and that its ranges of keys end where
// ours do.
let etcd: TestEtcd;
let network: ApiNetwork;
let daemon: ApiDaemon;
let side: EtcdSide;
beforeAll(async () => {
  etcd = await startEtcd();
  network = await apiNetwork(
    (onAdvance) => {
      side = etcdSide(etcd.endpoints[0] ?? '', onAdvance);
      return { ...side, pause: () => {}, resume: () => {} };
    },
    ['p1'],
  );
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), pools(), 2);
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  side[Symbol.dispose]();
  await etcd[Symbol.asyncDispose]();
});

const pools = () => network.as(PoolService, daemon);
const allocations = () => network.as(AllocationService, daemon);
const seen = async (): Promise<void> => {
  const revision = await side.store.currentRevision();
  await eventually(() => daemon.head.snapshot().revision >= revision, 5_000);
};
const refused = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: { refused: string } }) => thrown.refusal?.refused ?? thrown,
  );

test('a refusal is one, however much was written beside the records: elections, remembered answers', async () => {
  using raw = rawAt(etcd.endpoints);
  for (let round = 0; round < 3; round += 1) {
    await raw.write('/pop44/election/v1/leader/x', Buffer.from('x'));
    expect(await refused(pools().deletePool({ pool: '44.1.0.0/24' }))).toBe('not-found');
  }
});

test('64 slabs are delegated, and given back', async () => {
  await pools().createPool({ prefix: '44.64.0.0/16' });
  const { pool } = await pools().delegatePool({ pool: '44.64.0.0/16', length: 18, popId: 'p2' });
  await seen();
  expect((await pools().getPool({ pool: '44.64.0.0/16' })).pool).toMatchObject({
    slabs: 64,
    space: { slabsFree: 192 },
  });
  await pools().deletePool({ pool: pool?.id ?? '' });
  await seen();
  expect((await pools().getPool({ pool: '44.64.0.0/16' })).pool).toMatchObject({ slabs: 0 });
});

test('a pool of 130 slabs shrinks to one of them, and is deleted in steps', async () => {
  const pool = '44.65.0.0/16';
  const { pool: made } = await pools().createPool({ prefix: pool, quarantineSeconds: 0 });
  const prefixes = Array.from({ length: 130 }, (_, n) => `44.65.${n}.7/32`);
  for (let n = 0; n < prefixes.length; n += 16) {
    const some = prefixes.slice(n, n + 16);
    await allocations().allocate({ wishes: some.map((prefix) => ({ prefix })) });
    await allocations().release({ prefixes: n === 0 ? some.slice(1) : some });
  }
  expect(await refused(pools().resizePool({ pool, prefix: '44.65.128.0/17' }))).toBe('below-use');
  await pools().resizePool({ pool, prefix: '44.65.0.0/24' });
  await pools().resizePool({ pool: '44.65.0.0/24', prefix: pool });
  await allocations().release({ prefixes: ['44.65.0.7/32'] });
  await seen();
  await pools().deletePool({ pool });
  await seen();
  expect(daemon.head.snapshot().poolUse.get(made?.id ?? '')).toBeUndefined();
});

test('16 are drained at once', async () => {
  const [pool, toPool] = ['44.66.0.0/24', '44.66.1.0/24'];
  for (const prefix of [pool, toPool]) await pools().createPool({ prefix });
  const wishes = [{ pool, count: 16 }];
  const tunnels = network.as(TunnelService, daemon);
  const { tunnel } = await tunnels.createTunnel({ name: 'moving', publicKey: publicKey(), wishes });
  const { moves, remaining } = await pools().drainPool({ pool, toPool, move: 16 });
  expect([moves.length, remaining]).toEqual([16, 0n]);
  await seen();
  const { tunnel: moved } = await tunnels.getTunnel({ tunnel: tunnel?.id ?? '' });
  expect(moved?.prefixes).toEqual(moves.map(({ toPrefix }) => toPrefix));
});

test('what is reserved or taken away at the moment of an allocation is not given [A7]', async () => {
  for (let round = 0; round < 10; round += 1) {
    const pool = `44.67.${round * 4}.0/22`;
    await pools().createPool({ prefix: pool });
    const wanted = { prefix: `44.67.${round * 4 + 3}.9/32` };
    const [given, shrunk] = await Promise.all([
      refused(allocations().allocate({ wishes: [wanted] })),
      refused(pools().resizePool({ pool, prefix: `44.67.${round * 4}.0/23` })),
    ]);
    expect([
      [undefined, 'below-use'],
      ['outside-pool', undefined],
    ]).toContainEqual([given, shrunk]);
  }
  await seen();
  expect((await pools().checkPools({ graceSeconds: 1 })).findings).toEqual([]);
  expect(daemon.unexpected).toEqual([]);
});
