import { afterAll, beforeAll, expect, test } from 'vitest';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import { goodPassword, type Mailbox, mailbox, newSecret } from '#internal/testkit/accounts.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { certlessCredentials, connect, serverNameOf } from '#internal/rpc/rpc.ts';
import { memoryStore, type StoreSide } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

const store = memoryStore();
let network: ApiNetwork;
let daemon: ApiDaemon;
let box: Mailbox;
let user: string;
beforeAll(async () => {
  const sides: StoreSide[] = [];
  network = await apiNetwork(
    (onAdvance) => {
      const side = store.follower(onAdvance);
      sides.push(side);
      return side;
    },
    ['p1'],
  );
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 2);
  box = await mailbox(sides[0] as StoreSide);
  const people = network.as(PeopleService, daemon);
  await people.signUp({ callsign: 'OE1DRY', email: 'dry@example.org', password: goodPassword });
  await people.verify({ secret: await box.secretTo('dry@example.org', 'confirm your address') });
  await people.approveUser({ user: 'OE1DRY' });
  const { bearer, secretHash } = newSecret();
  await people.login({ name: 'OE1DRY', password: goodPassword, secretHash, label: 'test' });
  user = bearer;
});
afterAll(async () => {
  await box[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
});

const change = { dryRun: true };

test('a dry run tells an admin what each node would do, and a user no more than the records [S7]', async () => {
  const request = { name: 'dry', publicKey: publicKey(), change };
  const { changed } = await network.as(TunnelService, daemon).createTunnel(request);
  expect(changed?.plan.map(({ nodeId }) => nodeId)).toEqual(['p1', 'p2']);
  for (const { steps } of changed?.plan ?? [])
    expect(steps).toContainEqual(expect.stringMatching(/^\+ peer p44w0 [A-Za-z0-9+/]{43}=$/));
  const own = await network.bearing(TunnelService, daemon, user).createTunnel(request);
  expect(own.changed?.decision.length).toBeGreaterThan(0);
  expect(own.changed?.plan).toEqual([]);
  // By the newest there is: a name that is looked for is.
  await expect(network.as(TunnelService, daemon).getTunnel({ tunnel: 'dry' })).rejects.toMatchObject({
    refusal: { refused: 'not-found' },
  });
});

test('what a dry run would write of people an admin is told without what lets somebody in, others are not told', async () => {
  const admin = network.as(PeopleService, daemon);
  const { changed } = await admin.suspendUser({ user: 'OE1DRY', reason: 'a try', change });
  const lines = changed?.decision ?? [];
  expect(lines).toContainEqual(expect.stringMatching(/^put user\/[0-9a-f]{12} .*"callsign":"OE1DRY"/));
  expect(lines.join('\n')).not.toContain('argon2');
  expect(lines.join('\n')).not.toMatch(/[0-9a-f]{64}/);
  // Whether there is an account must not be seen by a dry run either.
  const options = { serverName: serverNameOf('p1') };
  const stranger = connect(PeopleService, daemon.publicAddress, certlessCredentials(network.ca), options);
  const told = async (callsign: string, email: string) =>
    (await stranger.call.signUp({ callsign, email, password: goodPassword, change })).changed;
  const [known, unknown] = [await told('OE1DRY', 'dry@example.org'), await told('OE1NEW', 'new@example.org')];
  expect([known?.decision, known?.plan, unknown?.decision, unknown?.plan]).toEqual([[], [], [], []]);
  stranger.close();
});
