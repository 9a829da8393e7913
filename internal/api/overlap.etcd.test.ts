import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { overlaps, type Prefix } from '#internal/netip/netip.ts';
import type { ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { type EtcdSide, etcdSide } from '#internal/testkit/etcd-side.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { createSmallFabric } from '#internal/testkit/requests.ts';

const nodes = ['p1', 'p2', 'p3'];
const pool = '44.31.0.0/22';
const key = '/pop44/election/v1/leader/test';

describe.each([
  ['with a leader', 'p2'],
  ['without one', ''],
])('%s', (_, leader) => {
  let etcd: TestEtcd;
  let network: ApiNetwork;
  const sides: EtcdSide[] = [];
  beforeAll(async () => {
    etcd = await startEtcd();
    const election = openEtcd({ endpoints: etcd.endpoints, clock: realClock });
    const { revision } = await election.txn({
      compares: [],
      then: [{ op: 'put', key, value: new Uint8Array() }],
    });
    election.close();
    network = await apiNetwork(
      (onAdvance) => {
        const side = etcdSide(etcd.endpoints[0] ?? '', onAdvance);
        sides.push(side);
        return { ...side, pause: () => {}, resume: () => {} };
      },
      nodes,
      (node) => ({
        leaderOf: () => leader,
        held: (poolId) => (node === leader ? { poolId, key, createRevision: revision } : undefined),
      }),
    );
    const [first] = network.daemons;
    if (first === undefined) throw new Error('no daemons');
    await createSmallFabric(network.as(FabricService, first), network.as(PoolService, first), nodes.length);
  });
  afterAll(async () => {
    await network[Symbol.asyncDispose]();
    for (const side of sides) side[Symbol.dispose]();
    await etcd[Symbol.asyncDispose]();
  });

  // 4 slabs of 256: 100 addresses, 20 blocks of 8, 8 of 16, 6 delegations and a whole slab want more than there is.
  test('addresses, blocks and delegations at once through all daemons never overlap [A2][A7]', async () => {
    const given: string[] = [];
    const refused = new Map<string, number>();
    const ask = async (n: number): Promise<readonly string[]> => {
      const daemon = network.daemons[n % nodes.length];
      if (daemon === undefined) throw new Error('no daemon');
      const allocations = network.as(AllocationService, daemon);
      const pools = network.as(PoolService, daemon);
      // One id for all tries of a request: a busy machine's daemon may say that it does not know yet what became of it.
      const change = { requestId: `request-${n}` };
      const held = async (wish: object) =>
        (await allocations.allocate({ change, wishes: [{ pool, ...wish }] })).allocations;
      if (n % 23 === 22)
        return [(await pools.delegatePool({ change, pool, length: 28, popId: 'p3' })).pool?.prefix ?? ''];
      if (n === 50) return [(await pools.delegatePool({ change, pool, length: 24, popId: 'p3' })).pool?.prefix ?? ''];
      if (n % 7 === 6) return (await held({ length: 29 })).map(({ prefix }) => prefix);
      if (n % 17 === 16) return (await held({ length: 28 })).map(({ prefix }) => prefix);
      if (n % 5 === 4) return (await held({ prefix: `44.31.${n % 4}.${8 * (n % 30)}/32` })).map(({ prefix }) => prefix);
      return (await held({ length: 32, count: 1 + (n % 3) })).map(({ prefix }) => prefix);
    };
    const settled = async (n: number): Promise<readonly string[]> => {
      for (let left = 10; ; left -= 1) {
        try {
          return await ask(n);
        } catch (thrown) {
          const { code = '' } = thrown as { code?: string };
          if (left === 0 || !['pending', 'unavailable'].includes(code)) throw thrown;
        }
      }
    };
    await Promise.all(
      Array.from({ length: 240 }, async (__, n) => {
        try {
          given.push(...(await settled(n)));
        } catch (thrown) {
          const reason = (thrown as { refusal?: { refused: string } }).refusal?.refused;
          if (reason === undefined) throw thrown;
          refused.set(reason, (refused.get(reason) ?? 0) + 1);
        }
      }),
    );
    expect(given.length).toBeGreaterThan(200);
    expect([...refused.keys()].filter((reason) => !['pool-exhausted', 'taken', 'overlap'].includes(reason))).toEqual(
      [],
    );
    const pairs = given.flatMap((a, at) => given.slice(at + 1).map((b) => [a, b] as [Prefix, Prefix]));
    expect(pairs.filter(([a, b]) => overlaps(a, b))).toEqual([]);
    // What the answers said is what stands.
    await eventually(() => new Set(network.daemons.map(({ head }) => head.snapshot().revision)).size === 1, 5_000);
    const standing = new Set(
      network.daemons.flatMap(({ head }) => [
        ...[...head.snapshot().allocations.values()].map(({ record }) => record.prefix),
        ...[...head.snapshot().slabs.values()].flatMap(({ record }) =>
          record.delegatedPoolId === '' ? [] : [record.prefix],
        ),
      ]),
    );
    expect(standing).toEqual(new Set(given));
  });
});
