import { afterAll, expect, test } from 'vitest';
import { UserRole } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { PopKind } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { AllocationService } from '#internal/gen/pop44/v1/allocations_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { peopleNetwork, refusalOf } from '#internal/testkit/people-network.ts';
import { nodeRequest, popRequest, publicKey } from '#internal/testkit/requests.ts';

const world = await peopleNetwork();
afterAll(() => world[Symbol.asyncDispose]());
const { a, b, loggedIn, member, network, people } = world;

test('a user reaches for what is not its own by id, name, owner, list and filter: nothing leaks [S7]', async () => {
  const ada = await member('OE1OWN', 'own@example.org');
  const eve = await member('OE1EVE', 'eve@example.org');
  const { tunnel } = await network
    .bearing(TunnelService, a, ada)
    .createTunnel({ name: 'mine', publicKey: publicKey() });
  await eventually(() => b.head.snapshot().tunnels.has(tunnel?.id ?? ''), 1_000);
  const hers = network.bearing(TunnelService, b, eve);
  const missing = (await refusalOf(hers.getTunnel({ tunnel: 'ffffffffffff' }))) as { message: string };
  for (const ref of [tunnel?.id ?? '', `${tunnel?.owner}/mine`]) {
    const asked = [
      hers.getTunnel({ tunnel: ref }),
      hers.updateTunnel({ tunnel: ref, mtu: 1300 }),
      hers.deleteTunnel({ tunnel: ref }),
      hers.rotateTunnelKey({ tunnel: ref, nextPublicKey: publicKey() }),
      hers.getTunnelTemplate({ tunnel: ref }),
      hers.getTunnelUsage({ tunnel: ref }),
      hers.getSealingRecipients({ tunnel: ref }),
    ];
    for (const answer of asked)
      expect(await refusalOf(answer)).toMatchObject({
        refused: 'not-found',
        message: missing.message.replace('ffffffffffff', ref),
      });
  }
  expect(await refusalOf(hers.getTunnel({ tunnel: 'mine' }))).toMatchObject({ refused: 'not-found' });
  expect((await hers.listTunnels({})).tunnels).toEqual([]);
  expect((await hers.listTunnels({ owner: tunnel?.owner ?? '' })).tunnels).toEqual([]);
  expect(await refusalOf(hers.createTunnel({ owner: tunnel?.owner ?? '', publicKey: publicKey() }))).toMatchObject({
    refused: 'not-owner',
  });
  const allocations = network.bearing(AllocationService, b, eve);
  expect(await refusalOf(allocations.listAllocations({ owner: tunnel?.owner ?? '' }))).toMatchObject({
    refused: 'not-owner',
  });
  expect((await allocations.listAllocations({})).allocations).toEqual([]);
  expect(await refusalOf(network.bearing(PoolService, b, eve).listPools({}))).toMatchObject({ refused: 'forbidden' });
  // In the very words of one that nobody has: by callsign, address, id and owner.
  const others = network.bearing(PeopleService, b, eve);
  const absent = (await refusalOf(others.getUser({ user: 'OE9NON' }))) as { message: string };
  for (const ref of ['OE1OWN', 'oe1own', 'own@example.org', 'ffffffffffff', tunnel?.owner ?? '', 'user/ffffffffffff'])
    for (const answer of [
      others.getUser({ user: ref }),
      others.listLogins({ user: ref }),
      others.deleteUser({ user: ref }),
    ])
      expect(await refusalOf(answer)).toEqual({
        ...absent,
        value: ref,
        message: absent.message.replace('OE9NON', ref),
      });
  // Nothing was changed.
  expect((await network.bearing(TunnelService, a, ada).getTunnel({ tunnel: 'mine' })).tunnel).toMatchObject({
    mtu: 1420,
    etag: tunnel?.etag,
  });
});

test('a daemon that is behind does not delete what another has just created [S7]', async () => {
  const ada = await member('OE1BHD', 'behind@example.org');
  const eve = await loggedIn('OE1EVE');
  await eventually(
    async () => (await refusalOf(network.bearing(PeopleService, b, eve).whoAmI({}))) === undefined,
    1_000,
  );
  b.pause();
  const { tunnel } = await network
    .bearing(TunnelService, a, ada)
    .createTunnel({ name: 'late', publicKey: publicKey() });
  setTimeout(() => b.resume(), 50);
  expect(
    await refusalOf(network.bearing(TunnelService, b, eve).deleteTunnel({ tunnel: tunnel?.id ?? '' })),
  ).toMatchObject({ refused: 'not-found' });
  b.pause();
  const again = await network.bearing(TunnelService, a, ada).createTunnel({ name: 'later', publicKey: publicKey() });
  setTimeout(() => b.resume(), 50);
  expect(
    await refusalOf(network.bearing(TunnelService, b, eve).getTunnel({ tunnel: again.tunnel?.id ?? '' })),
  ).toMatchObject({ refused: 'not-found' });
  await network.bearing(TunnelService, a, ada).getTunnel({ tunnel: tunnel?.id ?? '' });
});

test('roles: a regional admin acts on its PoPs, an auditor looks, a global admin does all [S7]', async () => {
  const bearer = await member('OE1REG', 'reg@example.org');
  expect(
    await refusalOf(people().setUserRole({ user: 'OE1REG', role: UserRole.REGIONAL_ADMIN, popIds: ['nowhere'] })),
  ).toMatchObject({ refused: 'not-found' });
  expect(
    await refusalOf(people().setUserRole({ user: 'OE1REG', role: UserRole.REGIONAL_ADMIN, popIds: ['p2', 'p1'] })),
  ).toMatchObject({ refused: 'invalid', field: 'pop_ids', value: 'p1' });
  const fabric = network.as(FabricService, a);
  await fabric.createPop({ pop: { ...popRequest(3), kind: PopKind.REGIONAL, singleHomed: true } });
  await fabric.createNode({ node: nodeRequest(3) });
  await eventually(() => a.head.snapshot().nodes.has('p3'), 1_000);
  await people().setUserRole({ user: 'OE1REG', role: UserRole.REGIONAL_ADMIN, popIds: ['p3'] });
  const tunnels = network.bearing(TunnelService, a, bearer);
  const here = await tunnels.createTunnel({ owner: 'club', name: 'here', homePopId: 'p3', publicKey: publicKey() });
  expect(
    await refusalOf(tunnels.createTunnel({ owner: 'club', homePopId: 'p2', publicKey: publicKey() })),
  ).toMatchObject({ refused: 'not-owner' });
  const there = await network
    .as(TunnelService, a)
    .createTunnel({ owner: 'club', name: 'there', homePopId: 'p2', publicKey: publicKey() });
  await eventually(() => a.head.snapshot().tunnels.has(there.tunnel?.id ?? ''), 1_000);
  expect(await refusalOf(tunnels.deleteTunnel({ tunnel: there.tunnel?.id ?? '' }))).toMatchObject({
    refused: 'not-found',
  });
  const names = (await tunnels.listTunnels({ owner: 'club' })).tunnels.map(({ name }) => name);
  expect(names).toEqual(['here']);
  await tunnels.deleteTunnel({ tunnel: here.tunnel?.id ?? '' });
  expect(await refusalOf(network.bearing(PoolService, a, bearer).createPool({ prefix: '44.99.0.0/22' }))).toMatchObject(
    {
      refused: 'forbidden',
    },
  );
  await people().setUserRole({ user: 'OE1REG', role: UserRole.AUDITOR });
  expect((await tunnels.listTunnels({ owner: 'club' })).tunnels.map(({ name }) => name)).toEqual(['there']);
  expect(await refusalOf(tunnels.deleteTunnel({ tunnel: there.tunnel?.id ?? '' }))).toMatchObject({
    refused: 'forbidden',
  });
  await people().setUserRole({ user: 'OE1REG', role: UserRole.GLOBAL_ADMIN });
  await tunnels.deleteTunnel({ tunnel: there.tunnel?.id ?? '' });
  await network.bearing(PeopleService, a, bearer).listUsers({});
});

test('a tunnel that was deleted comes back as it was, for its owner alone, while its addresses wait [T1]', async () => {
  const ada = await member('OE1UND', 'und@example.org');
  const eve = await member('OE1UNE', 'une@example.org');
  const tunnels = network.bearing(TunnelService, a, ada);
  const { tunnel } = await tunnels.createTunnel({ name: 'undo', publicKey: publicKey(), mtu: 1300 });
  await tunnels.createTunnel({ name: 'undo2', publicKey: publicKey() });
  await tunnels.deleteTunnel({ tunnel: 'undo' });
  await eventually(() => !a.head.snapshot().tunnels.has(tunnel?.id ?? ''), 1_000);
  const hers = network.bearing(TunnelService, a, eve);
  expect((await hers.listDeletedTunnels({})).tunnels).toEqual([]);
  expect((await hers.listDeletedTunnels({ owner: tunnel?.owner ?? '' })).tunnels).toEqual([]);
  for (const ref of [tunnel?.id ?? '', `${tunnel?.owner}/undo`, 'undo'])
    expect(await refusalOf(hers.restoreTunnel({ tunnel: ref }))).toMatchObject({ refused: 'not-found' });
  await tunnels.deleteTunnel({ tunnel: 'undo2' });
  await eventually(() => !a.head.snapshot().tunnelsByName.has('undo2'), 1_000);
  const paged: string[] = [];
  let pageToken = '';
  do {
    const page = await tunnels.listDeletedTunnels({ pageSize: 1, pageToken });
    paged.push(...page.tunnels.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  expect(paged.toSorted()).toEqual(['undo', 'undo2']);
  expect(await refusalOf(tunnels.listDeletedTunnels({ pageSize: 1_001 }))).toMatchObject({ field: 'page_size' });
  await tunnels.restoreTunnel({ tunnel: 'undo2' });
  await eventually(() => a.head.snapshot().tunnelsByName.has('undo2'), 1_000);
  expect((await tunnels.listDeletedTunnels({})).tunnels).toMatchObject([{ name: 'undo', prefixes: tunnel?.prefixes }]);
  const back = await tunnels.restoreTunnel({ tunnel: 'undo' });
  const { etag: _, ...was } = tunnel ?? {};
  const { etag: __, ...is } = back.tunnel ?? {};
  expect(is).toEqual(was);
  await eventually(() => a.head.snapshot().tunnels.has(tunnel?.id ?? ''), 1_000);
  expect(await refusalOf(tunnels.restoreTunnel({ tunnel: 'undo' }))).toMatchObject({ refused: 'already-exists' });
  expect((await tunnels.listDeletedTunnels({})).tunnels).toEqual([]);
  // Whose key or address somebody has by now stays away.
  await tunnels.deleteTunnel({ tunnel: 'undo' });
  await eventually(() => !a.head.snapshot().tunnels.has(tunnel?.id ?? ''), 1_000);
  await hers.createTunnel({ name: 'thief', publicKey: tunnel?.publicKey ?? '' });
  await eventually(() => a.head.snapshot().tunnelsByName.has('thief'), 1_000);
  expect(await refusalOf(tunnels.restoreTunnel({ tunnel: 'undo' }))).toMatchObject({ refused: 'duplicate-key' });
  await hers.deleteTunnel({ tunnel: 'thief' });
  await eventually(() => !a.head.snapshot().tunnelsByName.has('thief'), 1_000);
  const again = await tunnels.createTunnel({ name: 'undo', publicKey: publicKey() });
  expect(again.tunnel?.prefixes).toEqual(tunnel?.prefixes);
  await tunnels.updateTunnel({ tunnel: 'undo', name: 'other' });
  await eventually(() => a.head.snapshot().tunnelsByName.has('other'), 1_000);
  expect(await refusalOf(tunnels.restoreTunnel({ tunnel: tunnel?.id ?? '' }))).toMatchObject({ refused: 'taken' });
});

test('nothing unexpected came of it', () => {
  expect([...a.unexpected, ...b.unexpected]).toEqual([]);
});
