//   One routing follows the other on a live fabric, and what a fabric is for is done by OSPF and iBGP: a client of p3, whose way
//   to the internet leads over the fabric, is reached by two ways, by one when the other is cut, and by another PoP.
//
//   p1 (north) ---- p2 (east)
//        \           /
//         p3 (south)

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { FabricRouting } from '#internal/gen/pop44/store/v1/records_pb.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { lostDuring } from './lost.ts';
import { newWgKeyPair } from './node-files.ts';
import { outageDuring } from './outage.ts';
import { leastBytes, manyFlows, sentBy, waysOut, withoutUpstream } from './paths.ts';
import { raiseLab } from './raise.ts';
import { host4 } from './topology.ts';
import { type Links, twoLinks } from './two-links.ts';
import type { World } from './world.ts';

/** Milliseconds, on a loaded machine. */
const withinMs = 45_000;
const links = ['p44i-p1-p3', 'p44i-p2-p3'] as const;

let lab: World;
let client: Client;
let address = '';
let device: Links;

async function run(line: string): Promise<void> {
  const { code, stderr } = await cli(client, line);
  expect([line, code, code === 0 ? '' : stderr]).toEqual([line, 0, '']);
}
const answersHost = () => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]);
const bothWays = () =>
  eventually(async () => {
    const found = [...(await waysOut(lab, 'p3')).keys()].sort().join();
    if (found !== links.join()) throw new Error(`p3 has for ways out: ${found}`);
    return true;
  }, withinMs);
const bird = async (node: string, command: string): Promise<string> =>
  (await lab.exec(`${node}p`, ['birdc', '-s', `/run/node/${node}/run/pop.bird.ctl`, ...command.split(' ')])).stdout;

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/ospf', clock: realClock });
  client = openClient(adminContext(lab));
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { privateKey, publicKey } = newWgKeyPair();
  const { changed } = await client.tunnels.createTunnel({ name: 'station', publicKey, homePopId: 'south' });
  const applied = client.status.waitApplied({ revision: changed?.revision ?? 0n }, { deadlineMs: withinMs });
  for await (const { pendingNodeIds } of applied) if (pendingNodeIds.length === 0) break;
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'south' });
  address = template.addresses.find((each) => !each.includes(':'))?.split('/')[0] ?? '';
  device = twoLinks(lab, client, 'station', privateKey);
  await device.raise('south');
  await withoutUpstream(lab, 'p3');
  await bothWays();
  await eventually(answersHost, withinMs);
}, 120_000);
afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test('OSPF follows eBGP on a live fabric without the loss of a packet, and what OSPF cannot keep is refused [N5] [N8]', async () => {
  const lost = await lostDuring(lab, address, async () => {
    await run('network routing ospf --wait=120');
    // What ends has told everybody.
    await realClock.sleep(2_000);
  });
  process.stdout.write(`eBGP to OSPF: ${lost} pings of 20 ms lost\n`);
  expect(lost).toBe(0);
  expect((await client.fabric.listNodes({})).fabricRouting).toBe(FabricRouting.OSPF);
  const protocols = await bird('p3', 'show protocols');
  expect(protocols).not.toMatch(/^p44i_/m);
  expect(protocols.match(/^p44r_\S+ .* Established/gm)).toHaveLength(4);
  const { code, stderr } = await cli(client, 'node restart-routing p3');
  expect([code, stderr]).toEqual([3, expect.stringContaining('pop44 network routing beside')]);
}, 240_000);

test('flows of a client take both of two equal ways by OSPF; one is cut in silence, and they go on by the other [N4] [N5]', async () => {
  await bothWays();
  const sentByBoth = () => Promise.all(links.map((link) => sentBy(lab, 'p3', link)));
  await eventually(async () => {
    const before = await sentByBoth();
    await manyFlows(lab);
    const after = await sentByBoth();
    return after.every((bytes, at) => bytes - (before[at] ?? 0) > leastBytes);
  }, withinMs);
  // The one by which the internet comes.
  const { stdout } = await lab.exec('inet', ['ip', 'route', 'get', address]);
  const link = stdout.includes('dev p1p') ? links[0] : links[1];
  const drop = ['input iif', 'output oif', 'forward iif', 'forward oif'].map((of, at) => {
    const [hook, end] = of.split(' ');
    return `chain c${at} { type filter hook ${hook} priority -1; ${end}name "${link}" drop; };`;
  });
  const watched = Promise.all([outageDuring(lab, 'host', address, 6), outageDuring(lab, 'client', host4, 6)]);
  await realClock.sleep(1_500);
  await lab.exec('p3p', ['nft', '-f', '-'], { input: `table inet cut { ${drop.join(' ')} }\n` });
  const outages = await watched;
  await lab.exec('p3p', ['nft', 'delete', 'table', 'inet', 'cut']);
  for (const { ended } of outages) expect(ended).toBe(true);
  process.stdout.write(`a silent cut: ${outages.map(({ ms }) => ms).join(' and ')} ms without a reply\n`);
  await bothWays();
}, 180_000);

test('a client that comes up at another PoP is reached there by iBGP [A3] [N5]', async () => {
  await eventually(answersHost, withinMs);
  const watched = outageDuring(lab, 'host', address, 8);
  await realClock.sleep(1_000);
  await device.raise('north');
  const { ms, ended } = await watched;
  expect(ended).toBe(true);
  process.stdout.write(`a move to another PoP: ${ms} ms without a reply\n`);
  await eventually(async () => {
    const routes = await Promise.all(['p2', 'p3'].map((node) => bird(node, `show route ${address}/32 all primary`)));
    return routes.every((text) => text.includes('p44r_p1_4') && text.includes('BGP.large_community'));
  }, withinMs);
}, 120_000);

test('eBGP follows OSPF as it came, without the loss of a packet [N5]', async () => {
  await eventually(answersHost, withinMs);
  const lost = await lostDuring(lab, address, async () => {
    await run('network routing ebgp --wait=120');
    await realClock.sleep(2_000);
  });
  process.stdout.write(`OSPF to eBGP: ${lost} pings of 20 ms lost\n`);
  expect(lost).toBe(0);
  expect(await bird('p3', 'show protocols')).not.toMatch(/ospf|^p44r_/m);
}, 240_000);
