import { equals } from '@bufbuild/protobuf';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AllocateResponseSchema, AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

const store = memoryStore();
let network: ApiNetwork;
let a: ApiDaemon;
let b: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(store.follower, ['p1', 'p2']);
  [a, b] = network.daemons as [ApiDaemon, ApiDaemon];
  const pools = network.as(PoolService, a);
  await createSmallFabric(network.as(FabricService, a), pools, 2);
  await pools.createPool({ prefix: '44.60.0.0/30', description: 'three addresses' });
  await pools.createPool({ prefix: '44.61.0.0/24', description: 'frozen' });
  await pools.updatePool({ pool: '44.61.0.0/24', frozen: true });
  await pools.createReservation({ pool: '44.31.0.0/22', prefix: '44.31.3.0/28', owner: 'club' });
  await pools.setQuota({ owner: 'modest', limit4: 2n, limit6: 1n });
  await allocations().allocate({ owner: 'other', wishes: [{ prefix: '44.31.2.8/32' }, { prefix: '44.31.1.8/29' }] });
  await tunnels().createTunnel({ name: 'used', publicKey: publicKey(), wishes: [{ prefix: '44.31.2.9/32' }] });
});
afterAll(() => network[Symbol.asyncDispose]());

const allocations = (daemon = a) => network.as(AllocationService, daemon);
const tunnels = (daemon = a) => network.as(TunnelService, daemon);
const refusal = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: unknown }) => thrown.refusal ?? thrown,
  );
const prefixesOf = ({ allocations: all }: { readonly allocations: readonly { readonly prefix: string }[] }) =>
  all.map(({ prefix }) => prefix);

test('an allocation lives: given, listed, released, kept, and given to its owner again [A6]', async () => {
  const given = await allocations().allocate({ owner: 'life', homePopId: 'p2' });
  expect(given.allocations).toMatchObject([
    { poolId: '4-2c1f0000-22', realmId: 'internet', owner: 'life', tunnelId: '', homePopId: 'p2' },
    { poolId: '6-20010db8004400000000000000000000-48', owner: 'life', homePopId: 'p2' },
  ]);
  const prefixes = prefixesOf(given);
  for (const { etag } of given.allocations) expect(etag).toBe(String(given.changed?.revision));
  await eventually(() => a.head.snapshot().revision >= (given.changed?.revision ?? 0n), 1_000);
  const listed = await allocations().listAllocations({ owner: 'life' });
  expect(listed.allocations).toEqual(given.allocations);
  const { changed } = await allocations().release({ owner: 'life', prefixes });
  await eventually(() => a.head.snapshot().revision >= (changed?.revision ?? 0n), 1_000);
  expect((await allocations().listAllocations({ owner: 'life' })).allocations).toEqual([]);
  const kept = await allocations().listAllocations({ owner: 'life', withQuarantined: true });
  expect(prefixesOf(kept)).toEqual(prefixes);
  const until = Number(kept.allocations[0]?.quarantinedUntil?.seconds) - Date.now() / 1_000;
  expect(until).toBeGreaterThan(86_000);
  expect(until).toBeLessThanOrEqual(86_400);
  expect(prefixesOf(await allocations(b).allocate({ owner: 'life' }))).toEqual(prefixes);
});

describe('bad input changes nothing', () => {
  const wishes =
    (rest: object, owner = '') =>
    () =>
      allocations().allocate({ owner, wishes: [rest] });
  const release =
    (prefix: string, owner = '') =>
    () =>
      allocations().release({ owner, prefixes: [prefix] });
  const refused: readonly (readonly [reason: string, title: string, field: string, ask: () => Promise<unknown>])[] = [
    ['overlap', 'a block around an address', 'wishes[0].prefix', wishes({ prefix: '44.31.2.8/29' })],
    ['overlap', 'an address in a block', 'wishes[0].prefix', wishes({ prefix: '44.31.1.9/32' })],
    ['misaligned', 'a block with host bits', 'wishes[0].prefix', wishes({ prefix: '44.31.1.20/29' })],
    ['misaligned', 'a block larger than a slab', 'wishes[0].prefix', wishes({ prefix: '44.31.0.0/23' })],
    ['outside-pool', 'a prefix of no pool', 'wishes[0].prefix', wishes({ prefix: '44.99.0.1/32' })],
    [
      'outside-pool',
      'a prefix of another pool',
      'wishes[0].prefix',
      wishes({ prefix: '44.60.0.1/32', pool: '44.31.0.0/22' }),
    ],
    [
      'family-mismatch',
      "a family that is not the pool's",
      'wishes[0].family',
      wishes({ pool: '44.31.0.0/22', family: 6 }),
    ],
    [
      'family-mismatch',
      "a prefix that is not the pool's",
      'wishes[0].prefix',
      wishes({ pool: '44.31.0.0/22', prefix: '2001:db8:44::/64' }),
    ],
    ['quota-exceeded', 'more addresses than the quota', 'owner', wishes({ family: 4, count: 3 }, 'modest')],
    ['quota-exceeded', 'more networks than the quota', 'owner', wishes({ family: 6, length: 60 }, 'modest')],
    ['pool-exhausted', 'more than the pool has', 'wishes[0].pool', wishes({ pool: '44.60.0.0/30', count: 4 })],
    [
      'pool-exhausted',
      'a block of a pool of addresses',
      'wishes[0].pool',
      wishes({ pool: '44.31.0.0/22', length: 24, count: 3 }),
    ],
    ['frozen', 'a frozen pool', 'wishes[0].pool', wishes({ pool: '44.61.0.0/24' })],
    ['frozen', 'a prefix of a frozen pool', 'wishes[0].prefix', wishes({ prefix: '44.61.0.9/32' })],
    ['taken', "another's address", 'wishes[0].prefix', wishes({ prefix: '44.31.2.8/32' })],
    ['taken', 'what is held already', 'wishes[0].prefix', wishes({ prefix: '44.31.2.8/32' }, 'other')],
    ['reserved', 'what is reserved for another', 'wishes[0].prefix', wishes({ prefix: '44.31.3.8/32' })],
    ['not-found', 'a pool that is not there', 'wishes[0].pool', wishes({ pool: '44.99.0.0/24' })],
    ['required', 'a wish of nothing', 'wishes[0].family', wishes({})],
    ['invalid', 'more than a request takes', 'wishes', wishes({ family: 4, count: 17 })],
    ['not-owner', "releasing another's", 'prefixes[0]', release('44.31.2.8/32')],
    ['in-use', 'releasing what a tunnel uses', 'prefixes[0]', release('44.31.2.9/32')],
    ['not-found', 'releasing what nobody has', 'prefixes[0]', release('44.31.2.77/32')],
    ['host-bits', 'releasing no prefix', 'prefixes[0]', release('44.31.2.9/31')],
    [
      'taken',
      "a tunnel with another's address",
      'tunnel.wishes[0].prefix',
      () => tunnels().createTunnel({ publicKey: publicKey(), wishes: [{ prefix: '44.31.2.8/32' }] }),
    ],
    [
      'quota-exceeded',
      'a tunnel beyond the quota',
      'tunnel.owner',
      () => tunnels().createTunnel({ owner: 'modest', publicKey: publicKey(), wishes: [{ family: 4, count: 3 }] }),
    ],
    [
      'taken',
      'two wishes for one address',
      'wishes[1].prefix',
      () => allocations().allocate({ wishes: [{ prefix: '44.31.2.70/32' }, { prefix: '44.31.2.70/32' }] }),
    ],
  ];
  test.each(refused)('%s: %s', async (reason, _, field, ask) => {
    const before = await store.currentRevision();
    expect(await refusal(ask())).toMatchObject({ refused: reason, field });
    expect(await store.currentRevision()).toBe(before);
  });
});

test('a tunnel takes what its owner holds into use, which is not free for release then', async () => {
  const given = await allocations().allocate({ owner: 'station', wishes: [{ family: 4 }] });
  const [prefix = ''] = prefixesOf(given);
  const { tunnel } = await tunnels(b).createTunnel({ owner: 'station', publicKey: publicKey(), wishes: [{ prefix }] });
  expect(tunnel?.prefixes).toEqual([prefix]);
  expect(await refusal(allocations().release({ owner: 'station', prefixes: [prefix] }))).toMatchObject({
    refused: 'in-use',
    obstacles: [`tunnel ${tunnel?.id} (station)`],
  });
  await tunnels(a).deleteTunnel({ tunnel: tunnel?.id ?? '' });
  const again = await tunnels(b).createTunnel({ owner: 'station', publicKey: publicKey(), wishes: [{ family: 4 }] });
  expect(again.tunnel?.prefixes).toEqual([prefix]);
});

test('a repeat at another daemon gives the same bytes [A7]', async () => {
  const request = { wishes: [{ family: 4, count: 2 }], change: { requestId: 'allocate-twice' } };
  const first = await allocations(a).allocate(request);
  const second = await allocations(b).allocate(request);
  expect(second.changed).toMatchObject({ repeated: true, revision: first.changed?.revision });
  const { changed: _, ...answer } = first;
  const { changed: __, ...again } = second;
  expect(equals(AllocateResponseSchema, answer, again)).toBe(true);
});

test('a dry run gives nothing away', async () => {
  const before = await store.currentRevision();
  const { allocations: shown, changed } = await allocations().allocate({ change: { dryRun: true } });
  expect(shown).toMatchObject([{ etag: '' }, { etag: '' }]);
  const puts = changed?.decision.map((line) => line.split('/')[0]);
  expect(puts).toEqual(['put allocation', 'put slab', 'put allocation']);
  expect(await store.currentRevision()).toBe(before);
});

test('a stream of many: each has its own answer, and nothing is given twice [A1]', async () => {
  const calls = Array.from({ length: 60 }, (_, n) => ({
    tag: BigInt(n),
    request: {
      owner: `many-${n % 7}`,
      wishes: [n % 10 === 9 ? { prefix: '44.99.0.1/32' } : { family: n % 2 ? 4 : 6 }],
    },
  }));
  async function* frames() {
    for (let at = 0; at < calls.length; at += 20) yield { calls: calls.slice(at, at + 20) };
  }
  const answers = new Map<bigint, string>();
  const prefixes: string[] = [];
  for await (const { outcomes } of allocations().allocateMany(frames())) {
    for (const { tag, outcome } of outcomes) {
      answers.set(tag, outcome.case === 'refusal' ? outcome.value.reason : (outcome.case ?? ''));
      if (outcome.case === 'granted') prefixes.push(...prefixesOf(outcome.value));
    }
  }
  expect([...answers.keys()].toSorted((x, y) => Number(x - y))).toEqual(calls.map(({ tag }) => tag));
  expect([...answers.values()].filter((answer) => answer === 'outside-pool')).toHaveLength(6);
  expect(new Set(prefixes).size).toBe(54);
});

test('lists come in pages, of one pool or owner if so wished', async () => {
  await eventually(async () => a.head.snapshot().revision >= (await store.currentRevision()), 1_000);
  const all = prefixesOf(await allocations().listAllocations({ withQuarantined: true }));
  const paged: string[] = [];
  let pageToken = '';
  do {
    const page = await allocations().listAllocations({ pageSize: 7, pageToken, withQuarantined: true });
    expect(page.allocations.length).toBeLessThanOrEqual(7);
    paged.push(...prefixesOf(page));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(paged).toEqual(all);
  const six = await allocations().listAllocations({ pool: '2001:db8:44::/48' });
  expect(six.allocations.length).toBeGreaterThan(0);
  expect(six.allocations.every(({ poolId }) => poolId.startsWith('6-'))).toBe(true);
  expect(await refusal(allocations().listAllocations({ pool: '44.99.0.0/24' }))).toMatchObject({
    refused: 'not-found',
  });
  expect(await refusal(allocations().listAllocations({ pageSize: 1_001 }))).toMatchObject({ field: 'page_size' });
});

test('nothing of all this was unexpected', () => {
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
