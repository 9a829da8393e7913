//   How far places are, and whether a tunnel is reached, of real parts:
//
//   host ---- inet ---- p1 (north), p2 (east), p3 (south)
//              |
//              +-- cgnat -- home -- client (station, at north)
//
// What north and south send to the client's network goes through a delay: 60 ms and 30 ms, one way.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import type { Changed } from '#internal/gen/pop44/v1/common_pb.ts';
import type { Probe, ProbeTunnelResponse } from '#internal/gen/pop44/v1/reach_pb.ts';
import { goodPassword, newSecret } from '../accounts.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair, webFiles } from './node-files.ts';
import { raiseLab } from './raise.ts';
import { host4, host6, type LabNode } from './topology.ts';
import type { World } from './world.ts';

/** As the internet sees the client's network: the outer of its two NATs. */
const seen4 = '198.18.90.2';
const seen6 = '2001:db8:1:90::2';
const withinMs = 20_000;
const delayRelay = fileURLToPath(new URL('../../../bench/delay-relay.ts', import.meta.url));
const keys = newWgKeyPair();
let lab: World;
let client: Client;
/** The site, for somebody who has logged in. */
let site: Client;
let address4 = '';
let address6 = '';

/** This kernel has no netem: a WireGuard link whose packets a relay keeps for a while, in one direction. */
async function delay({ number, transport, underlay4, transportGateway4 }: LabNode, oneWayMs: number): Promise<void> {
  const [near, far] = [newWgKeyPair(), newWgKeyPair()];
  const [relayPort, farPort] = [45_100, 45_000 + number];
  const sides = [
    [
      transport,
      'slow',
      near.privateKey,
      ['listen-port', '45000', 'peer', far.publicKey, 'endpoint', `127.0.0.1:${relayPort}`],
    ],
    ['inet', `slow${number}`, far.privateKey, ['listen-port', String(farPort), 'peer', near.publicKey]],
  ] as const;
  for (const [netns, dev, privateKey, rest] of sides) {
    const file = `/run/${dev}-${netns}.key`;
    await writeFile(file, `${privateKey}\n`, { mode: 0o600 });
    await lab.exec(netns, ['wireguard-go', dev]);
    await lab.exec(netns, ['wg', 'set', dev, 'private-key', file, ...rest, 'allowed-ips', '0.0.0.0/0']);
    await lab.exec(netns, ['ip', 'link', 'set', dev, 'up']);
  }
  const argv = [delayRelay, String(relayPort), transportGateway4, String(farPort), String(oneWayMs)];
  await lab.serve(`slow-${number}`, transport, [process.execPath, ...argv]);
  await lab.exec(transport, ['ip', 'route', 'add', `${seen4}/32`, 'dev', 'slow', 'src', underlay4]);
}

async function applied({ changed }: { readonly changed?: Changed | undefined }): Promise<void> {
  const signal = AbortSignal.timeout(withinMs);
  let pending: readonly string[] = ['nobody has answered'];
  const revision = changed?.revision ?? 0n;
  for await (const answer of client.status.waitApplied({ revision }, { signal })) pending = answer.pendingNodeIds;
  expect(pending).toEqual([]);
}

let turn = 0;
/** Each daemon answers a person a few times at once: they take turns. */
const nextNode = (): string => `p${(turn++ % 3) + 1}`;
const probe = (port = 0, node = nextNode()): Promise<ProbeTunnelResponse> =>
  client.at(node).reach.probeTunnel({ tunnel: 'station', port }, { deadlineMs: 8_000 });
const causes = ({ probes }: { readonly probes: readonly Probe[] }): readonly string[] =>
  probes.map(({ address, asked, cause }) => `${asked} ${address === address4 ? 'v4' : 'v6'} ${cause}`);
const filtering = (rule: string): Promise<unknown> =>
  lab.exec('client', [
    'nft',
    `add table inet own; add chain inet own input { type filter hook input priority 0; }; ${rule}`,
  ]);
const unfiltered = (): Promise<unknown> => lab.exec('client', ['nft', 'delete table inet own']);

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/reach', clock: realClock });
  client = openClient(adminContext(lab));
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  await client.people.bootstrap({ callsign: 'OE1ADM', email: 'adm@example.org', password: goodPassword });
  const { bearer, secretHash } = newSecret();
  await eventually(() => client.people.login({ name: 'OE1ADM', password: goodPassword, secretHash }), withinMs);
  const at = (name: string): string => join(lab.directory, name);
  const certificate = { certificate: at(webFiles.certificate), key: at(webFiles.key) };
  site = openClient({ ...adminContext(lab), ...certificate }, { bearer });
  await eventually(() => site.people.whoAmI({}), withinMs);
  const [north, , south] = lab.nodes.map(({ node }) => node) as [LabNode, LabNode, LabNode];
  await delay(north, 60);
  await delay(south, 30);
  for (const { node } of lab.nodes)
    await eventually(() => lab.exec(node.transport, ['ping', '-n', '-c1', '-W1', seen4]), withinMs);
  const { publicKey } = keys;
  const created = await client.tunnels.createTunnel({ name: 'station', owner: 'ada', publicKey, homePopId: 'north' });
  address4 = created.tunnel?.prefixes[0]?.split('/')[0] ?? '';
  address6 = `${created.tunnel?.prefixes[1]?.split('/')[0] ?? ''}1`;
  await applied(created);
}, 120_000);

afterAll(async () => {
  client?.close();
  site?.close();
  await lab?.stop();
});

test('of a client behind two NATs the place with the shortest way is proposed, whoever is asked', async () => {
  for (const node of ['p1', 'p2']) {
    const { address, pops, proposedPopId, proposedBy } = await site.at(node).reach.nearPops({}, { source: seen4 });
    expect([address, proposedPopId, proposedBy]).toEqual([seen4, 'east', 'nearest']);
    expect(pops.map(({ popId, measuredBy }) => [popId, measuredBy])).toEqual([
      ['east', 'echo'],
      ['south', 'echo'],
      ['north', 'echo'],
    ]);
    const [east = 0, south = 0, north = 0] = pops.map(({ rttMs }) => rttMs);
    expect(south).toBeGreaterThan(30);
    expect(north).toBeGreaterThan(60);
    expect(east).toBeLessThan(south);
  }
  const six = await site.reach.nearPops({}, { source: seen6 });
  expect(six.pops.map(({ measuredBy }) => measuredBy)).toEqual(['echo', 'echo', 'echo']);
}, 30_000);

test('who answers no echo is told so, and gets the least loaded; of a socket, a LAN or the mesh nobody is asked', async () => {
  const silent = await site.reach.nearPops({}, { source: '198.18.90.77' });
  expect([silent.address, silent.proposedBy]).toEqual(['198.18.90.77', 'least-loaded']);
  expect(silent.pops.map(({ problem }) => problem)).toEqual(Array.from({ length: 3 }, () => 'nothing came back'));
  for (const source of ['192.168.44.10', 'fd44:44::2', '127.0.0.1']) {
    const { address, pops } = await site.reach.nearPops({}, { source });
    expect([source, address, pops[0]?.problem]).toEqual([source, '', 'your address on the internet is not known here']);
  }
  // An admin has no site to say where he is.
  const admin = await client.reach.nearPops({}, { source: seen4 });
  expect([admin.address, admin.pops.length]).toEqual(['', 3]);
  const { code, stderr } = await cli(client, 'pop near');
  expect([code, stderr]).toEqual([0, expect.stringContaining('distance not measured') as unknown]);
}, 30_000);

test('a tunnel without a device is not reached, for that reason, as another place sees it', async () => {
  const answer = await probe();
  expect(causes(answer)).toEqual(['ping v4 no-session', 'ping v6 no-session']);
  expect(['east', 'south']).toContain(answer.fromPopId);
  expect([answer.reachable, answer.heldByNodeId, answer.lastHandshake]).toEqual([false, '', undefined]);
}, 20_000);

test('with its device up it is reached, over both families, from every daemon', async () => {
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'north' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: keys.privateKey }), { mode: 0o600 });
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  for (const to of [address4, address6])
    await eventually(() => lab.exec('host', ['ping', '-n', '-c1', '-W1', to]), withinMs);
  await eventually(
    async () => (await client.tunnels.getTunnel({ tunnel: 'station' })).tunnel?.heldByNodeId === 'p1',
    withinMs,
  );
  for (const node of ['p1', 'p3']) {
    const answer = await probe(0, node);
    expect([answer.reachable, causes(answer)]).toEqual([true, ['ping v4 reachable', 'ping v6 reachable']]);
    for (const { rttMs } of answer.probes) expect(rttMs).toBeGreaterThan(0);
    expect(answer.heldByNodeId).toBe('p1');
    expect(answer.fromPopId).not.toBe('north');
    expect(Number(answer.lastHandshake?.seconds)).toBeGreaterThan(1_700_000_000);
  }
  const { code, stdout } = await cli(client, 'tunnel probe station');
  expect([code, stdout]).toEqual([0, expect.stringContaining(`${address4}\tping\t`) as unknown]);
}, 60_000);

test('a port that its firewall shuts, one that nobody listens at, and one that answers', async () => {
  const shut = await probe(80);
  expect(causes(shut).filter((line) => line.startsWith('tcp/80'))).toEqual([
    'tcp/80 v4 firewall',
    'tcp/80 v6 firewall',
  ]);
  const [{ cure }] = shut.probes.filter(({ cause }) => cause === 'firewall') as [Probe];
  expect(cure).toBe('pop44 tunnel firewall set station ping --allow tcp/80');
  const firewall = { presets: ['ping', 'web'] };
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', firewall }));
  const open = await probe(80);
  expect([open.reachable, causes(open)]).toEqual([
    true,
    ['ping v4 reachable', 'tcp/80 v4 reachable', 'ping v6 reachable', 'tcp/80 v6 reachable'],
  ]);
  const refused = await probe(443);
  expect(causes(refused).filter((line) => line.startsWith('tcp'))).toEqual([
    'tcp/443 v4 refused',
    'tcp/443 v6 refused',
  ]);
  await filtering('add rule inet own input tcp dport 80 drop');
  expect(causes(await probe(80)).filter((line) => line.startsWith('tcp'))).toEqual([
    'tcp/80 v4 no-reply',
    'tcp/80 v6 no-reply',
  ]);
  await unfiltered();
}, 60_000);

test('an address that the internet does not lead to us is told from a device that is silent', async () => {
  await lab.exec('inet', ['ip', 'route', 'add', 'blackhole', `${address4}/32`]);
  expect(causes(await probe())).toEqual(['ping v4 not-led', 'ping v6 reachable']);
  await lab.exec('inet', ['ip', 'route', 'del', 'blackhole', `${address4}/32`]);
  await filtering('add rule inet own input icmp type echo-request drop');
  const silent = await probe();
  expect(causes(silent)).toEqual(['ping v4 no-reply', 'ping v6 reachable']);
  expect(silent.probes[0]?.reason).toMatch(/^the device is connected \(last handshake \d+ s ago\) and does not answer/);
  await unfiltered();
}, 60_000);

test('switched off and stopped by the operators', async () => {
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', enabled: false }));
  expect(causes(await probe())).toEqual(['ping v4 disabled', 'ping v6 disabled']);
  await applied(await client.tunnels.updateTunnel({ tunnel: 'station', enabled: true }));
  await applied(await client.desk.suspendTunnel({ tunnel: 'station', reason: 'open relay' }));
  const stopped = await probe();
  expect(causes(stopped)).toEqual(['ping v4 suspended', 'ping v6 suspended']);
  expect(stopped.probes[0]?.reason).toContain('open relay');
  await applied(await client.desk.unsuspendTunnel({ tunnel: 'station' }));
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  await eventually(() => lab.exec('client', ['ping', '-n', '-c1', '-W1', host6]), withinMs);
}, 60_000);

test('a node that has not carried out the newest change, and a place that is not heard', async () => {
  await filtering('add rule inet own input icmp type echo-request drop');
  await filtering('add rule inet own input icmpv6 type echo-request drop');
  await lab.service('p1-dataplane').stop();
  await client.at('p2').tunnels.updateTunnel({ tunnel: 'station', firewall: { presets: ['ping', 'ssh'] } });
  await eventually(async () => {
    expect(causes(await probe(0, 'p2'))).toEqual(['ping v4 not-applied', 'ping v6 not-applied']);
    return true;
  }, withinMs);
  await lab.service('p1-daemon').stop();
  await eventually(async () => {
    expect(causes(await probe(0, 'p2'))).toEqual(['ping v4 pop-away', 'ping v6 pop-away']);
    return true;
  }, 30_000);
  await unfiltered();
}, 90_000);
