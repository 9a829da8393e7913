import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { FabricService } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { PeopleService } from '#internal/gen/pop44/v1/people_pb.ts';
import { PoolService } from '#internal/gen/pop44/v1/pools_pb.ts';
import { ReachService } from '#internal/gen/pop44/v1/reach_pb.ts';
import { TunnelService } from '#internal/gen/pop44/v1/tunnels_pb.ts';
import type { Reached, ReachQuestion } from '#internal/reach/reach.ts';
import { silent } from '#internal/status/status.ts';
import { goodPassword, type Mailbox, mailbox, newSecret } from '#internal/testkit/accounts.ts';
import { type ApiDaemon, type ApiNetwork, apiNetwork } from '#internal/testkit/api-network.ts';
import { memoryStore, type StoreSide } from '#internal/testkit/memory-store.ts';
import { createSmallFabric, publicKey } from '#internal/testkit/requests.ts';

const store = memoryStore();
let network: ApiNetwork;
let daemon: ApiDaemon;
let box: Mailbox;
let asked: (ReachQuestion & { readonly nodeId: string })[] = [];
/** What nodes measure, by node and then by what was asked. */
let measured: Readonly<Record<string, Reached>> = {};
const nothing: Reached = { how: '', problem: '' };

beforeAll(async () => {
  let side: StoreSide | undefined;
  const reach = {
    ask: async (nodeId: string, question: ReachQuestion) => {
      asked.push({ nodeId, ...question });
      const what = question.directly ? 'direct' : question.port === 0 ? 'echo' : 'knock';
      return measured[`${nodeId} ${what}`] ?? nothing;
    },
    explainAt: async (nodeId: string) => {
      throw new Error(`${nodeId} explains nothing: the tunnels are at home with p1`);
    },
  };
  network = await apiNetwork((onAdvance) => (side = store.follower(onAdvance)), ['p1'], undefined, { reach });
  [daemon] = network.daemons as [ApiDaemon];
  await createSmallFabric(network.as(FabricService, daemon), network.as(PoolService, daemon), 3);
  box = await mailbox(side as StoreSide);
});
afterAll(async () => {
  await box[Symbol.asyncDispose]();
  await network[Symbol.asyncDispose]();
});
beforeEach(() => {
  asked = [];
  measured = {};
  for (const id of ['p2', 'p3']) daemon.status.heard(id, { ...silent, role: 'alone' }, new Date());
});

async function member(callsign: string): Promise<string> {
  const people = network.as(PeopleService, daemon);
  const email = `${callsign}@example.org`.toLowerCase();
  await people.signUp({ callsign, email, password: goodPassword });
  await people.verify({ secret: await box.secretTo(email, 'confirm your address') });
  await people.approveUser({ user: callsign });
  const { bearer, secretHash } = newSecret();
  await people.login({ name: callsign, password: goodPassword, secretHash });
  return bearer;
}
/** By way of a site, which says for whom it asks. */
const through = async (bearer: string) =>
  network.bearing(ReachService, daemon, bearer, await network.identityOf('web', 'www'));
const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (thrown: { refusal?: { refused: string } }) => thrown.refusal?.refused ?? thrown,
  );
const source = '198.18.90.2';

test('each place measures the own address of who asks, and no other; the answer is good for a minute', async () => {
  const bearer = await member('OE1AAA');
  const { tunnel } = await network
    .bearing(TunnelService, daemon, bearer)
    .createTunnel({ name: 'mine', publicKey: publicKey() });
  measured = {
    'p1 echo': { how: 'echo', rttMs: 40, problem: '' },
    'p2 echo': { how: 'handshake', rttMs: 25, problem: '' },
  };
  const site = await through(bearer);
  const near = await site.nearPops({}, { source });
  expect(near).toMatchObject({ address: source, proposedPopId: 'p2', proposedBy: 'nearest' });
  expect(near.pops.map(({ popId, rttMs, measuredBy, problem }) => [popId, rttMs, measuredBy, problem])).toEqual([
    ['p2', 25, 'handshake', ''],
    ['p1', 40, 'echo', ''],
    ['p3', undefined, '', 'nothing came back'],
  ]);
  const question = { address: source, port: 0, directly: false, tunnelIds: [tunnel?.id] };
  expect(asked).toEqual(['p1', 'p2', 'p3'].map((nodeId) => ({ nodeId, ...question })));
  await site.nearPops({}, { source });
  expect(asked).toHaveLength(3);
});

test('who says for whom it asks without being a site is not believed, and of no address of the internet nobody is asked', async () => {
  const bearer = await member('OE1BBB');
  const admin = await network.identityOf('admin', 'ada');
  for (const identity of [admin, await network.identityOf('node', 'p2')]) {
    const { address, pops } = await network
      .bearing(ReachService, daemon, bearer, identity)
      .nearPops({}, { source: '203.0.113.9' });
    expect([address, pops[0]?.problem]).toEqual(['', 'your address on the internet is not known here']);
  }
  const site = await through(bearer);
  for (const each of ['10.0.0.1', '100.64.0.9', 'fd44:44::2', 'fe80::1', '224.0.0.1', '255.255.255.255', '::1', 'x'])
    expect((await site.nearPops({}, { source: each })).address).toBe('');
  expect(asked).toEqual([]);
});

test('nobody unknown is measured, and nobody without end', async () => {
  const anonymous = network.as(ReachService, daemon, await network.identityOf('web', 'www'));
  expect(await refusal(anonymous.nearPops({}, { source }))).toBe('unauthenticated');
  const site = await through(await member('OE1CCC'));
  const all = await Promise.all(
    Array.from({ length: 14 }, (_, at) => refusal(site.nearPops({}, { source: `198.51.100.${at + 1}` }))),
  );
  expect(all.filter((each) => each === undefined)).toHaveLength(10);
  expect(new Set(all.slice(10))).toEqual(new Set(['busy']));
  expect(new Set(asked.map(({ address }) => address)).size).toBe(10);
});

test('a place that is not heard is not asked and says so; nothing measured: the own one, unless it has much more to do', async () => {
  daemon.status.lost('p3');
  const site = await through(await member('OE1DDD'));
  const near = await site.nearPops({}, { source });
  expect(near).toMatchObject({ proposedPopId: 'p1', proposedBy: 'least-loaded' });
  expect(near.pops.at(-1)).toMatchObject({ popId: 'p3', problem: 'it is not heard' });
  expect(asked.map(({ nodeId }) => nodeId)).toEqual(['p1', 'p2']);
  daemon.status.update({ load: 2.5 });
  expect((await site.nearPops({}, { source })).proposedPopId).toBe('p2');
  daemon.status.update({ load: 0 });
});

test("a tunnel of another's is none, and a port that is none is refused before anybody is asked", async () => {
  const ada = await member('OE1EEE');
  const eve = network.bearing(ReachService, daemon, await member('OE1FFF'));
  const { tunnel } = await network
    .bearing(TunnelService, daemon, ada)
    .createTunnel({ name: 'hers', publicKey: publicKey() });
  expect(await refusal(eve.probeTunnel({ tunnel: tunnel?.id ?? '' }))).toBe('not-found');
  const own = network.bearing(ReachService, daemon, ada);
  expect(await refusal(own.probeTunnel({ tunnel: 'hers', port: 65_536 }))).toBe('invalid');
  expect(asked).toEqual([]);
  const six = await Promise.all(Array.from({ length: 8 }, () => refusal(own.probeTunnel({ tunnel: 'hers' }))));
  expect(six.filter((each) => each === 'busy')).toHaveLength(2);
});

test('another place asks both families, the own node asks past the firewall, and the firewall of the port is the cause', async () => {
  const ada = await member('OE1GGG');
  const { tunnel } = await network
    .bearing(TunnelService, daemon, ada)
    .createTunnel({ name: 'gate', publicKey: publicKey() });
  const [address4, address6] = [tunnel?.prefixes[0]?.split('/')[0], `${tunnel?.prefixes[1]?.split('/')[0]}1`];
  measured = { 'p2 echo': { how: 'echo', rttMs: 12, problem: '' } };
  const answer = await network.bearing(ReachService, daemon, ada).probeTunnel({ tunnel: 'gate', port: 80 });
  expect(answer).toMatchObject({ tunnelId: tunnel?.id, fromPopId: 'p2', fromNodeId: 'p2', reachable: false });
  expect(answer.probes.map(({ address, asked: what, cause }) => [address, what, cause])).toEqual([
    [address4, 'ping', 'reachable'],
    [address4, 'tcp/80', 'firewall'],
    [address6, 'ping', 'reachable'],
    [address6, 'tcp/80', 'firewall'],
  ]);
  expect(answer.probes[1]).toMatchObject({ cure: 'pop44 tunnel firewall set gate ping --allow tcp/80' });
  // Without a privileged half its plan tells.
  const lines = asked.map(({ nodeId, address, port, directly }) => `${nodeId} ${address} ${port} ${directly}`);
  expect(lines.toSorted()).toEqual(
    [address4, address6]
      .flatMap((each) => [`p2 ${each} 0 false`, `p2 ${each} 80 false`, `p1 ${each} 0 true`])
      .toSorted(),
  );
});

test('with a port the port decides: a server need not answer pings', async () => {
  const ada = await member('OE1III');
  await network
    .bearing(TunnelService, daemon, ada)
    .createTunnel({ name: 'www', publicKey: publicKey(), firewall: { presets: ['web'] } });
  const own = network.bearing(ReachService, daemon, ada);
  measured = { 'p2 knock': { how: 'open', rttMs: 9, problem: '' } };
  const open = await own.probeTunnel({ tunnel: 'www', port: 443 });
  expect(open.probes.slice(0, 2).map(({ asked: what, cause }) => [what, cause])).toEqual([
    ['ping', 'firewall'],
    ['tcp/443', 'reachable'],
  ]);
  expect(open.reachable).toBe(true);
  expect((await own.probeTunnel({ tunnel: 'www' })).reachable).toBe(false);
  measured = { 'p2 knock': { how: 'refused', rttMs: 9, problem: '' } };
  expect(await own.probeTunnel({ tunnel: 'www', port: 443 })).toMatchObject({ reachable: false });
});

test('a place that cannot ask is followed by another; alone, the own one asks from the internet', async () => {
  const ada = await member('OE1HHH');
  const tunnels = network.bearing(TunnelService, daemon, ada);
  await tunnels.createTunnel({ name: 'solo', publicKey: publicKey() });
  const own = network.bearing(ReachService, daemon, ada);
  measured = {
    'p2 echo': { how: '', problem: 'p2 is asked too much' },
    'p3 echo': { how: 'echo', rttMs: 5, problem: '' },
  };
  expect(await own.probeTunnel({ tunnel: 'solo' })).toMatchObject({ fromPopId: 'p3', reachable: true });
  for (const id of ['p2', 'p3']) daemon.status.lost(id);
  asked = [];
  measured = { 'p1 echo': { how: 'echo', rttMs: 3, problem: '' } };
  expect(await own.probeTunnel({ tunnel: 'solo' })).toMatchObject({ fromPopId: 'p1', reachable: true });
  expect(asked.map(({ directly }) => directly).toSorted()).toEqual([false, false, true, true]);
  await tunnels.updateTunnel({ tunnel: 'solo', enabled: false });
  measured = {};
  const off = await own.probeTunnel({ tunnel: 'solo' });
  expect(off.probes.map(({ cause, cure }) => [cause, cure])).toEqual([
    ['disabled', 'pop44 tunnel enable solo'],
    ['disabled', 'pop44 tunnel enable solo'],
  ]);
});
