import { afterAll, beforeAll, expect, test } from 'vitest';
import { create } from '@bufbuild/protobuf';
import { TunnelSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Write } from '#internal/model/record.ts';
import { openGroup } from '#internal/store/store.ts';
import type { ApiDaemon, ApiNetwork } from '#internal/testkit/api-network.ts';
import { apiNetwork } from '#internal/testkit/api-network.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';
import { hurried } from '#internal/testkit/submitting.ts';

const store = memoryStore();
let network: ApiNetwork;
let daemon: ApiDaemon;
beforeAll(async () => {
  // The pool check waits for seconds between its two looks.
  network = await apiNetwork(store.follower, ['p1', 'p2'], undefined, { clock: hurried() });
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 2);
});
afterAll(() => network[Symbol.asyncDispose]());

const pools = () => network.as(PoolService, daemon);
const allocations = () => network.as(AllocationService, daemon);
const tunnels = () => network.as(TunnelService, daemon);
const refusal = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (answer) => answer,
    (thrown: { refusal?: unknown }) => thrown.refusal ?? thrown,
  );
const seen = () => eventually(async () => daemon.head.snapshot().revision === (await store.currentRevision()), 2_000);
/** A pool of its own for one test. */
const pool = async (prefix: string, rest: object = {}) =>
  (await pools().createPool({ prefix, ...rest })).pool?.id ?? '';

test('a pool shows what it is, and how full [A2]', async () => {
  const id = await pool('44.60.0.0/22', { homePopId: 'p2', quarantineSeconds: 60, description: 'club' });
  await allocations().allocate({ wishes: [{ pool: id, count: 4 }] });
  await pools().createReservation({ pool: id, prefix: '44.60.3.0/24' });
  await seen();
  const { pool: got } = await pools().getPool({ pool: id });
  expect(got).toMatchObject({ homePopId: 'p2', quarantineSeconds: 60, allocations: 4n, slabs: 1, leaderNodeId: '' });
  expect(got?.space).toMatchObject({ total: 1024n, used: 4n, reserved: 256n, slabsTotal: 4, slabsFree: 3 });
  const { pools: listed } = await pools().listPools({});
  expect(listed.find((one) => one.id === id)).toEqual(got);
});

test('a pool is changed, and shows it; the etag that was read is asked for', async () => {
  const id = await pool('44.60.4.0/24');
  const { pool: changed } = await pools().updatePool({ pool: id, frozen: true, description: 'closed' });
  expect(changed).toMatchObject({ frozen: true, description: 'closed', quarantineSeconds: 86_400 });
  const again = pools().updatePool({ pool: id, frozen: false, change: { etag: '1' } });
  expect(await refusal(again)).toMatchObject({ refused: 'stale-etag' });
});

test('a frozen pool gives nothing: frozen', async () => {
  const id = await pool('44.60.5.0/24');
  await pools().updatePool({ pool: id, frozen: true });
  expect(await refusal(allocations().allocate({ wishes: [{ pool: id }] }))).toMatchObject({ refused: 'frozen' });
  const delegation = pools().delegatePool({ pool: id, length: 28, popId: 'p2' });
  expect(await refusal(delegation)).toMatchObject({ refused: 'frozen' });
});

test('a block is delegated, a part of it again, and what has delegations stays: has-children', async () => {
  const id = await pool('44.61.0.0/22');
  const { pool: child } = await pools().delegatePool({ pool: id, length: 24, popId: 'p2', description: 'town' });
  expect(child).toMatchObject({ prefix: '44.61.0.0/24', parentPoolId: id, homePopId: 'p2' });
  const { pool: part } = await pools().delegatePool({ pool: child?.id ?? '', prefix: '44.61.0.64/26', popId: 'p1' });
  expect(part).toMatchObject({ prefix: '44.61.0.64/26', parentPoolId: child?.id });
  const { allocations: given } = await allocations().allocate({ wishes: [{ pool: part?.id ?? '' }] });
  expect(given).toMatchObject([{ prefix: expect.stringMatching(/^44\.61\.0\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\/32$/) }]);
  expect(await refusal(pools().deletePool({ pool: id }))).toMatchObject({
    refused: 'has-children',
    obstacles: ['44.61.0.0/24 delegated to p2'],
  });
  expect(await refusal(pools().deletePool({ pool: child?.id ?? '' }))).toMatchObject({
    refused: 'has-children',
    obstacles: ['44.61.0.64/26 delegated to p1'],
  });
  expect(await refusal(pools().deletePool({ pool: part?.id ?? '' }))).toMatchObject({
    refused: 'in-use',
    obstacles: [`${given[0]?.prefix} held by admin/ada`],
  });
});

test('a delegation gives its block back', async () => {
  const id = await pool('44.61.4.0/24');
  const block = { pool: id, prefix: '44.61.4.16/28', popId: 'p2' };
  await pools().delegatePool(block);
  expect(await refusal(pools().delegatePool(block))).toMatchObject({ refused: 'taken' });
  await pools().deletePool({ pool: '44.61.4.16/28' });
  await pools().delegatePool(block);
});

test('what a delegation cannot be: misaligned, outside-pool, overlap, reserved, family-mismatch', async () => {
  const id = await pool('44.61.5.0/24');
  const outcome = (rest: object) => refusal(pools().delegatePool({ pool: id, popId: 'p2', ...rest }));
  expect(await outcome({ prefix: '44.61.5.4/28' })).toMatchObject({ refused: 'misaligned', field: 'pool.prefix' });
  expect(await outcome({ prefix: '44.61.6.0/28' })).toMatchObject({ refused: 'outside-pool' });
  expect(await outcome({ prefix: '2001:db8:44::/64' })).toMatchObject({ refused: 'family-mismatch' });
  await allocations().allocate({ wishes: [{ pool: id }] });
  expect(await outcome({ prefix: '44.61.5.16/28' })).toMatchObject({ refused: 'overlap' });
  const other = await pool('44.61.6.0/24');
  await pools().createReservation({ pool: other, prefix: '44.61.6.16/28' });
  const reserved = pools().delegatePool({ pool: other, prefix: '44.61.6.16/28', popId: 'p2' });
  expect(await refusal(reserved)).toMatchObject({ refused: 'reserved' });
});

test('a pool grows into what is free, and no further: overlap, excluded-space', async () => {
  const id = await pool('44.62.0.0/24');
  const { pool: grown } = await pools().resizePool({ pool: id, prefix: '44.62.0.0/22' });
  expect(grown).toMatchObject({ id, prefix: '44.62.0.0/22' });
  await pool('44.62.4.0/24');
  expect(await refusal(pools().resizePool({ pool: id, prefix: '44.62.0.0/20' }))).toMatchObject({ refused: 'overlap' });
  expect((await pools().getPool({ pool: '44.62.0.0/22' })).pool?.id).toBe(id);
  expect(await refusal(pools().getPool({ pool: '44.62.0.0/24' }))).toMatchObject({ refused: 'not-found' });
  const beyond = await pool('44.191.255.0/24');
  const sold = pools().resizePool({ pool: beyond, prefix: '44.128.0.0/9' });
  expect(await refusal(sold)).toMatchObject({ refused: 'excluded-space' });
});

test('a pool does not shrink below its use: below-use, with what is in the way', async () => {
  const id = await pool('44.63.0.0/22');
  const wishes = [{ prefix: '44.63.2.7/32' }, { prefix: '44.63.3.8/29' }];
  await allocations().allocate({ owner: 'ada', wishes });
  await pools().createReservation({ pool: id, prefix: '44.63.1.0/28', owner: 'bob' });
  await seen();
  await allocations().release({ owner: 'ada', prefixes: ['44.63.3.8/29'] });
  const shrink = () => refusal(pools().resizePool({ pool: id, prefix: '44.63.0.0/24' }));
  expect(await shrink()).toMatchObject({
    refused: 'below-use',
    obstacles: [
      '44.63.1.0/28 reserved for bob',
      '44.63.2.7/32 held by ada',
      expect.stringMatching(/^44\.63\.3\.8\/29 in quarantine until .* \(ada\)$/),
    ],
  });
  await pools()
    .resizePool({ pool: id, prefix: '44.62.0.0/15' })
    .catch(() => undefined);
  expect((await pools().getPool({ pool: id })).pool?.prefix).toBe('44.63.0.0/22');
});

test('a reservation keeps others out, and overlaps nothing: in-use, overlap, outside-pool, misaligned', async () => {
  const id = await pool('44.64.0.0/24');
  const reserve = (rest: object) => refusal(pools().createReservation({ pool: id, ...rest }));
  await allocations().allocate({ owner: 'ada', wishes: [{ prefix: '44.64.0.9/32' }] });
  expect(await reserve({ prefix: '44.64.0.8/29', owner: 'bob' })).toMatchObject({
    refused: 'in-use',
    obstacles: ['44.64.0.9/32 held by ada'],
  });
  expect(await reserve({ prefix: '44.64.0.8/29', owner: 'ada' })).toMatchObject({
    reservation: { prefix: '44.64.0.8/29', owner: 'ada', etag: expect.stringMatching(/^\d+$/) },
  });
  expect(await reserve({ prefix: '44.64.0.0/28' })).toMatchObject({ refused: 'overlap' });
  expect(await reserve({ prefix: '44.65.0.0/28' })).toMatchObject({ refused: 'outside-pool' });
  expect(await reserve({ prefix: '44.64.0.20/28' })).toMatchObject({ refused: 'misaligned' });
  const asked = (owner: string) => refusal(allocations().allocate({ owner, wishes: [{ prefix: '44.64.0.10/32' }] }));
  expect(await asked('bob')).toMatchObject({ refused: 'reserved' });
  expect(await asked('ada')).toMatchObject({ allocations: [{ prefix: '44.64.0.10/32' }] });
  await seen();
  const { reservations } = await pools().listReservations({ pool: id });
  expect(reservations.map(({ prefix }) => prefix)).toEqual(['44.64.0.8/29']);
  await pools().deleteReservation({ pool: id, prefix: '44.64.0.8/29' });
  await seen();
  expect((await pools().listReservations({ pool: id })).reservations).toEqual([]);
});

test('a quota counts what its owner holds already, and the default holds for the others: quota-exceeded', async () => {
  const id = await pool('44.66.0.0/24');
  const take = (owner: string, count: number) =>
    refusal(allocations().allocate({ owner, wishes: [{ pool: id, count }] }));
  await take('carl', 3);
  const { quota } = await pools().setQuota({ owner: 'carl', limit4: 4n });
  expect(quota).toMatchObject({ owner: 'carl', limit4: 4n, used4: 3n, used6: 0n });
  expect(await take('carl', 2)).toMatchObject({ refused: 'quota-exceeded' });
  await take('carl', 1);
  await pools().setQuota({ limit4: 1n });
  expect(await take('dora', 2)).toMatchObject({ refused: 'quota-exceeded' });
  await pools().setQuota({});
  await take('dora', 2);
  await seen();
  const { quotas } = await pools().listQuotas({});
  expect(quotas.map(({ owner, used4 }) => [owner, used4])).toEqual([
    ['', 0n],
    ['carl', 4n],
  ]);
  expect(quotas[0]?.limit4).toBeUndefined();
});

test('a quota that only asks makes no record', async () => {
  await pools().setQuota({ owner: 'erin', limit4: 4n, change: { dryRun: true } });
  expect(await refusal(pools().setQuota({ owner: 'erin', limit4: 4n, change: { requestId: 'a b' } }))).toMatchObject({
    refused: 'invalid',
  });
  await seen();
  expect(daemon.head.snapshot().quotas.has('erin')).toBe(false);
});

test('a pool is drained into another: its tunnels are renumbered, and new requests are served there', async () => {
  const [from, to] = [await pool('44.67.0.0/24', { quarantineSeconds: 60 }), await pool('44.67.1.0/24')];
  const { tunnel } = await tunnels().createTunnel({
    name: 'moving',
    publicKey: publicKey(),
    wishes: [{ pool: from, count: 2 }],
  });
  await allocations().allocate({ owner: 'ada', wishes: [{ pool: from, length: 32 }] });
  const first = await pools().drainPool({ pool: from, toPool: to, move: 2 });
  expect(first).toMatchObject({ remaining: 1n, obstacles: [] });
  expect(first.moves.map(({ fromPrefix }) => fromPrefix)).toEqual(tunnel?.prefixes);
  await seen();
  const { tunnel: moved } = await tunnels().getTunnel({ tunnel: 'moving' });
  expect(moved?.prefixes).toEqual(first.moves.map(({ toPrefix }) => toPrefix));
  const rest = await pools().drainPool({ pool: from, toPool: to, move: 16 });
  expect(rest).toMatchObject({ remaining: 0n, moves: [{ owner: 'ada', tunnelId: '' }] });
  await seen();
  const { allocations: next } = await allocations().allocate({ owner: 'bob', wishes: [{ pool: from }] });
  expect(next[0]?.poolId).toBe(to);
  expect((await pools().getPool({ pool: from })).pool).toMatchObject({
    allocations: 0n,
    quarantined: 3n,
    frozen: true,
  });
  await pools().deletePool({ pool: from });
});

test('a pool with more slabs than one transaction takes goes in steps', async () => {
  const id = await pool('44.68.0.0/16', { quarantineSeconds: 0 });
  const given = [];
  for (let n = 0; n < 130; n += 1) given.push({ prefix: `44.68.${n}.8/29` });
  for (let n = 0; n < given.length; n += 16) {
    const wishes = given.slice(n, n + 16);
    await allocations().allocate({ owner: 'ada', wishes });
    await seen();
    await allocations().release({ owner: 'ada', prefixes: wishes.map(({ prefix }) => prefix) });
  }
  await seen();
  expect((await pools().getPool({ pool: id })).pool?.slabs).toBe(130);
  await pools().deletePool({ pool: id });
  await seen();
  expect(daemon.head.snapshot().poolUse.get(id)).toBeUndefined();
});

test('the check of a clean network finds nothing [A6]', async () => {
  const { findings, records } = await pools().checkPools({ graceSeconds: 1 });
  expect(findings).toEqual([]);
  expect(records).toBeGreaterThan(20n);
});

test('what the check finds twice is mended when told, and nothing else', async () => {
  const id = await pool('44.69.0.0/24');
  const { tunnel } = await tunnels().createTunnel({ name: 'gone', publicKey: publicKey(), wishes: [{ pool: id }] });
  await seen();
  // As a hand would: the tunnel's record goes, its address and its key stay.
  const stored = daemon.head.snapshot().tunnels.get(tunnel?.id ?? '');
  const damage = async (write: Write) => {
    const group = openGroup();
    group.add({ compares: [], writes: [write] }, undefined);
    await store.commitGroup(group);
  };
  await damage({ op: 'delete', kind: 'tunnel', id: tunnel?.id ?? '' });
  await seen();
  const before = daemon.head.snapshot().revision;
  const looked = await pools().checkPools({ graceSeconds: 1 });
  expect(looked.findings.map(({ kind, mended }) => [kind, mended])).toEqual([
    ['leak', false],
    ['leak', false],
  ]);
  expect(daemon.head.snapshot().revision).toBe(before);
  const mended = await pools().checkPools({ graceSeconds: 1, mend: true });
  expect(mended.findings.map(({ mended: done }) => done)).toEqual([true, true]);
  await seen();
  expect((await pools().getPool({ pool: id })).pool).toMatchObject({ allocations: 0n, quarantined: 1n });
  // What comes back between the scans is no finding.
  const record = stored?.record ?? create(TunnelSchema);
  await damage({ op: 'put', kind: 'tunnel', id: record.id, record });
  const checking = pools().checkPools({ graceSeconds: 10, mend: true });
  setTimeout(() => void damage({ op: 'delete', kind: 'tunnel', id: record.id }), 150);
  expect((await checking).findings).toEqual([]);
});

test('a check refuses what it cannot do', async () => {
  expect(await refusal(pools().checkPools({ graceSeconds: 61 }))).toMatchObject({ field: 'grace_seconds' });
  expect(await refusal(pools().checkPools({ pool: '44.99.0.0/24' }))).toMatchObject({ refused: 'not-found' });
});

test('a deletion that is repeated leaves the pool alone that has been made since [A7]', async () => {
  const asked = { pool: '44.99.0.0/16', change: { requestId: 'gone' } };
  await pool('44.99.0.0/16');
  const first = await pools().deletePool(asked);
  const id = await pool('44.99.0.0/16');
  await seen();
  for (let n = 0; n < 130; n += 1) await pools().createReservation({ pool: id, prefix: `44.99.${n}.0/24` });
  await seen();
  expect((await pools().deletePool(asked)).changed).toMatchObject({
    repeated: true,
    revision: first.changed?.revision,
  });
  expect((await pools().listReservations({ pool: id })).reservations).toHaveLength(130);
});

test('nothing of all this was unexpected', () => {
  expect(daemon.unexpected).toEqual([]);
});
