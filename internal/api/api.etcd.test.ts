import { afterAll, beforeAll, expect, test } from 'vitest';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { realClock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { type Cutter, openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { type EtcdSide, etcdSide } from '#internal/testkit/etcd-side.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';
import { startStopwatch } from '#internal/testkit/stopwatch.ts';

// Two daemons, each with a path of its own to etcd that can be cut.
let etcd: TestEtcd;
let network: ApiNetwork;
let a: ApiDaemon;
let b: ApiDaemon;
const cutters: Cutter[] = [];
const sides: EtcdSide[] = [];
beforeAll(async () => {
  etcd = await startEtcd();
  for (let n = 0; n < 2; n += 1) cutters.push(await openCutter(etcd.member));
  const paths = cutters.map(({ url }) => url);
  network = await apiNetwork(
    (onAdvance) => {
      const side = etcdSide(paths.shift() ?? '', onAdvance);
      sides.push(side);
      return { ...side, pause: () => {}, resume: () => {} };
    },
    ['p1', 'p2'],
  );
  [a, b] = network.daemons as [ApiDaemon, ApiDaemon];
  await createSmallFabric(network.as(FabricService, a), network.as(PoolService, b), 2);
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  for (const side of sides) side[Symbol.dispose]();
  for (const cutter of cutters) await cutter[Symbol.asyncDispose]();
  await etcd[Symbol.asyncDispose]();
});

const tunnels = (daemon: ApiDaemon) => network.as(TunnelService, daemon);
const outcome = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.catch((thrown: { refusal?: unknown }) => thrown.refusal ?? thrown);
const path = (n: 0 | 1): Cutter => {
  const cutter = cutters[n];
  if (cutter === undefined) throw new Error('no such path');
  return cutter;
};
async function all(): Promise<readonly { name: string; prefixes: string[] }[]> {
  await eventually(() => a.head.snapshot().revision === b.head.snapshot().revision, 5_000);
  return (await tunnels(a).listTunnels({})).tunnels;
}

test('what one daemon does, the other goes on with at once', async () => {
  for (let n = 0; n < 20; n += 1) {
    const [first, second] = n % 2 === 0 ? [a, b] : [b, a];
    const { tunnel } = await tunnels(first).createTunnel({ name: 'pingpong', publicKey: publicKey() });
    const { tunnel: got } = await tunnels(second).getTunnel({ tunnel: tunnel?.id ?? '' });
    expect(got?.etag).toBe(tunnel?.etag);
    await tunnels(second).updateTunnel({ tunnel: 'pingpong', mtu: 1280, change: { etag: tunnel?.etag ?? '' } });
    await tunnels(first).deleteTunnel({ tunnel: 'pingpong' });
  }
});

test('requests at two daemons at the same time take different addresses, and none is refused [A7]', async () => {
  const create = (n: number) => tunnels(n % 2 === 0 ? a : b).createTunnel({ name: `t${n}`, publicKey: publicKey() });
  const made = await Promise.all(Array.from({ length: 60 }, (_, n) => create(n)));
  const prefixes = made.flatMap(({ tunnel }) => tunnel?.prefixes ?? []);
  expect(prefixes).toHaveLength(120);
  expect(new Set(prefixes).size).toBe(120);
});

test('a store that refuses connections is told within 2 s, and the daemon recovers', async () => {
  await path(0).refuse();
  using watch = startStopwatch();
  const thrown = await outcome(tunnels(a).createTunnel({ name: 'away', publicKey: publicKey() }));
  expect(watch.ms()).toBeLessThan(2_200);
  expect(thrown).toMatchObject({ code: expect.stringMatching(/^(unavailable|pending)$/) as unknown });
  await path(0).accept();
  await eventually(() => tunnels(a).createTunnel({ name: 'back', publicKey: publicKey() }), 10_000);
});

test.each(['hold', 'holdAnswers'] as const)(
  'on a path that is dead (%s) a change is pending within 2 s, and its repeat tells what became of it',
  async (way) => {
    const request = { name: way.toLowerCase(), publicKey: publicKey(), change: { requestId: `dead-${way}` } };
    path(0)[way]();
    using watch = startStopwatch();
    const thrown = await outcome(tunnels(a).createTunnel(request));
    expect(watch.ms()).toBeLessThan(2_200);
    expect(thrown).toMatchObject({ code: 'pending' });
    const { tunnel, changed } = await tunnels(b).createTunnel(request);
    expect(tunnel?.name).toBe(request.name);
    expect(changed?.repeated).toBe(way === 'holdAnswers');
    path(0).release();
    await eventually(
      async () => (await tunnels(a).getTunnel({ tunnel: request.name })).tunnel?.id === tunnel?.id,
      15_000,
    );
    expect((await all()).filter(({ name }) => name === request.name)).toHaveLength(1);
  },
);

test('what others write into the same etcd does not keep a refusal from being given', async () => {
  const other = openEtcd({ endpoints: etcd.endpoints, clock: realClock });
  await other.txn({ compares: [], then: [{ op: 'put', key: '/elsewhere', value: Buffer.from('x') }] });
  other.close();
  expect(await outcome(tunnels(a).deleteTunnel({ tunnel: 'nobody' }))).toMatchObject({ refused: 'not-found' });
});

test('of all this no tunnel was made twice and no address given twice', async () => {
  const listed = await all();
  expect(new Set(listed.map(({ name }) => name)).size).toBe(listed.length);
  const prefixes = listed.flatMap((tunnel) => tunnel.prefixes);
  expect(new Set(prefixes).size).toBe(prefixes.length);
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
