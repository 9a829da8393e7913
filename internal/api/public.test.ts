//   The door for people: TLS without a certificate of theirs. A login says who calls, or nobody does.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openClient, readContext } from '#internal/client/client.ts';
import { Health } from '#internal/gen/grpc/health/v1/health_pb.ts';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { certlessCredentials, connect, serverNameOf } from '#internal/rpc/rpc.ts';
import { goodPassword, newSecret } from '#internal/testkit/accounts.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

const folder = mkdtempSync(join(tmpdir(), 'pop44-public-'));
let network: ApiNetwork;
let a: ApiDaemon;
beforeAll(async () => {
  network = await apiNetwork(memoryStore().follower, ['p1']);
  [a] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, a), network.as(PoolService, a), 2);
  await network.as(PeopleService, a).bootstrap({ callsign: 'OE1ADM', email: 'a@example.org', password: goodPassword });
  writeFileSync(join(folder, 'ca.pem'), network.ca);
  const daemons = [{ node: 'p1', address: a.publicAddress }];
  writeFileSync(join(folder, 'context.json'), JSON.stringify({ ca: 'ca.pem', daemons }));
});
afterAll(async () => {
  await network[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const refused = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: { refused: string }; code?: string }) => thrown.refusal?.refused ?? thrown.code,
  );
const options = { serverName: serverNameOf('p1') };

test('a context without a certificate logs in and acts as its user; before that it is nobody [S7]', async () => {
  const context = readContext(join(folder, 'context.json'));
  const nobody = openClient(context);
  expect(await nobody.people.whoAmI({})).toMatchObject({ principal: 'anonymous' });
  expect(await refused(nobody.pools.listPools({}))).toBe('unauthenticated');
  expect(await refused(nobody.tunnels.createTunnel({ publicKey: publicKey() }))).toBe('unauthenticated');
  expect(
    await refused(nobody.people.bootstrap({ callsign: 'OE1EVE', email: 'e@example.org', password: goodPassword })),
  ).toBe('unauthenticated');
  const { bearer, secretHash } = newSecret();
  await nobody.people.login({ name: 'OE1ADM', password: goodPassword, secretHash });
  const somebody = openClient(context, { bearer });
  expect((await somebody.people.whoAmI({})).user).toMatchObject({ callsign: 'OE1ADM' });
  expect((await somebody.pools.listPools({})).pools).toHaveLength(2);
  // What wants a certificate does not take a login.
  expect(await refused(somebody.trust.renewAdminCertificate({}))).toBe('forbidden');
  for (const client of [nobody, somebody]) client.close();
});

test.each(['pop44_short', 'pop44_' + 'x'.repeat(43), 'Bearer', 'x'.repeat(8_000)])(
  'a bearer that is none (case %#) is refused, not taken for nobody',
  async (bearer) => {
    const connection = connect(PeopleService, a.publicAddress, certlessCredentials(network.ca), {
      ...options,
      bearer: () => bearer,
    });
    expect(await refused(connection.call.whoAmI({}))).toBe('unauthenticated');
    connection.close();
  },
);

test('how the daemon fares is told to strangers when they ask, and no stream of theirs stands [S4]', async () => {
  const health = connect(Health, a.publicAddress, certlessCredentials(network.ca), options);
  expect(await health.call.check({ service: '' })).toBeDefined();
  const first = health.call.watch({ service: '' }).next();
  expect(await refused(first)).toBe('unauthenticated');
  health.close();
});

test('no daemon speaks at this door, and the other one takes nobody without a certificate [S6]', async () => {
  const mesh = connect(MeshService, a.publicAddress, certlessCredentials(network.ca), options);
  expect(await refused(mesh.call.tellUsage({}))).toBe('unimplemented');
  const inner = connect(PeopleService, a.address, certlessCredentials(network.ca), { ...options, deadlineMs: 2_000 });
  expect(['unavailable', 'dropped', 'deadline']).toContain(await refused(inner.call.whoAmI({})));
  const huge = connect(PeopleService, a.publicAddress, certlessCredentials(network.ca), options);
  expect(await refused(huge.call.requestReset({ email: 'x'.repeat(100_000) }))).toBe('too-large');
  for (const each of [mesh, inner, huge]) each.close();
  expect(a.unexpected).toEqual([]);
});
