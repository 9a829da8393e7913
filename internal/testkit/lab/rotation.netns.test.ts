//   Interconnect keys change hands while pings of 20 ms cross every interconnect, both ways; then flows of a client of p3
//   take both of its ways to the internet, while what is told of these ways changes.
//
//   p1 (north) ---- p2 (east)
//        \           /
//         p3 (south)

import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import type { Node } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { NodeState } from '#internal/gen/pop44/v1/fabric_pb.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { onlyByName } from '../long-form.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair } from './node-files.ts';
import { cutBfd, flap, leastBytes, manyFlows, sentBy, waysOut, wgQuickUp, withoutUpstream } from './paths.ts';
import { nodeDirectory } from './places.ts';
import { raiseLab } from './raise.ts';
import { host4 } from './topology.ts';
import type { World } from './world.ts';

/** Milliseconds: a rotation takes about 10 s, of which 5 s it waits. */
const rotatedWithin = 90_000;

let lab: World;
let client: Client;

async function run(line: string): Promise<void> {
  const { code, stderr } = await cli(client, line);
  expect([line, code, code === 0 ? '' : stderr]).toEqual([line, 0, '']);
}
async function stateOf(id: string, from = client): Promise<NodeState> {
  const { nodes } = await from.fabric.listNodes({});
  const found = nodes.find(({ node }) => node?.id === id);
  if (found === undefined) throw new Error(`no node ${id}`);
  return found;
}
const nodeOf = async (id: string): Promise<Node> => (await stateOf(id)).node as Node;
const generation = async (id: string): Promise<number> => (await nodeOf(id)).interconnectKeyAge?.generation ?? 0;
const linksOf = async (id: string): Promise<readonly string[]> => {
  const { stdout } = await lab.exec(`${id}p`, ['wg', 'show', 'interfaces']);
  return stdout
    .trim()
    .split(/\s+/)
    .filter((name) => /^p44[ij]-/.test(name))
    .sort();
};
const keyOf = async (id: string, link: string): Promise<string> =>
  (await lab.exec(`${id}p`, ['wg', 'show', link, 'public-key'])).stdout.trim();

const loopback = (id: string): string => lab.nodes.find(({ node }) => node.id === id)?.node.loopback4 ?? '';

/** Namespace, and what its ping(8) is told. */
type Probe = readonly [from: string, ...target: string[]];
const overInterconnects = (): readonly Probe[] =>
  (
    [
      ['p1', 'p2'],
      ['p2', 'p3'],
      ['p3', 'p1'],
    ] as const
  ).map(([from, to]) => [`${from}p`, '-I', loopback(from), loopback(to)]);

/** Pings of 20 ms while `work` goes on; gives sent and lost of all. */
async function during(
  work: () => Promise<void>,
  probes: readonly Probe[] = overInterconnects(),
): Promise<{ readonly sent: number; readonly lost: number }> {
  const pings = probes.map(([from, ...target]) => {
    const argv = ['ping', '-n', '-w', '120', '-i', '0.02', ...target];
    return lab.exec(from, argv, { timeoutMs: 125_000, accept: [0, 1] });
  });
  try {
    await work();
  } finally {
    for (const from of new Set(probes.map(([netns]) => netns))) {
      const { stdout } = await lab.exec(from, ['ip', 'netns', 'pids', from]);
      for (const pid of stdout.split('\n').filter((line) => line !== '')) {
        const { stdout: name } = await lab.exec(from, ['cat', `/proc/${pid}/comm`], { accept: [0, 1] });
        if (name.trim() === 'ping') process.kill(Number(pid), 'SIGINT');
      }
    }
  }
  let [sent, lost] = [0, 0];
  for (const { stdout } of await Promise.all(pings)) {
    const [, all, received] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
    const last = Math.max(0, ...[...stdout.matchAll(/icmp_seq=(\d+) ttl/g)].map(([, at]) => Number(at)));
    sent += Number(all);
    // Those of the last 100 ms may be on their way when the probe is told to stop.
    lost += Math.max(last, Number(all) - 5) - Number(received);
  }
  return { sent, lost };
}

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/rotation', clock: realClock });
  client = openClient(adminContext(lab));
  for (const [from, to] of [
    ['p1', 'p2'],
    ['p2', 'p3'],
    ['p3', 'p1'],
  ] as const)
    await eventually(
      () => lab.exec(`${from}p`, ['ping', '-n', '-c1', '-W1', '-I', loopback(from), loopback(to)]),
      20_000,
    );
}, 60_000);
afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test("a node's BIRD is started anew without the loss of a packet, when that is announced [N8]", async () => {
  const pid = async (): Promise<string> => (await lab.exec('p1p', ['cat', '/run/node/p1/run/pop.bird.pid'])).stdout;
  const before = await pid();
  const { sent, lost } = await during(async () => {
    await run('node restart-routing p1');
    // Longer than BFD waits, and than sessions take.
    await realClock.sleep(3_000);
  });
  expect(await pid()).not.toBe(before);
  expect(sent).toBeGreaterThan(300);
  expect(lost).toBe(0);
  expect(await nodeOf('p1')).toMatchObject({ routingWindow: false, popRoutingGeneration: 1 });
  process.stdout.write(`restart of BIRD: ${sent} pings, ${lost} lost\n`);
}, 120_000);

test('an interconnect key is rotated without the loss of a packet, over a restart of the daemon in the middle [T6]', async () => {
  const before = await nodeOf('p1');
  expect(await linksOf('p1')).toEqual(['p44i-p1-p2', 'p44i-p1-p3']);
  const { sent, lost } = await during(async () => {
    await run('node rotate-interconnect-key p1 --wait');
    await eventually(async () => (await nodeOf('p1')).nextInterconnectPublicKey !== '', 20_000);
    process.kill(lab.service('p1-daemon').pid() ?? 0, 'SIGKILL');
    await eventually(async () => (await generation('p1')) === 1, rotatedWithin);
    // The old links are gone at both ends.
    await eventually(async () => (await linksOf('p1')).join(' ') === 'p44j-p1-p2 p44j-p1-p3', 20_000);
    await eventually(async () => (await linksOf('p2')).join(' ') === 'p44i-p2-p3 p44j-p1-p2', 20_000);
    await realClock.sleep(1_000);
  });
  expect(sent).toBeGreaterThan(300);
  expect(lost).toBe(0);
  const after = await nodeOf('p1');
  expect(after).toMatchObject({ nextInterconnectPublicKey: '', interconnectKeyAge: { generation: 1 } });
  expect(after.interconnectPublicKey).not.toBe(before.interconnectPublicKey);
  expect(await keyOf('p1', 'p44j-p1-p2')).toBe(after.interconnectPublicKey);
  expect(await keyOf('p2', 'p44j-p1-p2')).toBe((await nodeOf('p2')).interconnectPublicKey);
  // One made here, beside the operator's, for its owner alone.
  const made = (await readdir(nodeDirectory('p1'))).filter((name) => /^interconnect\.wgkey\.[0-9a-f]{64}$/.test(name));
  expect(made).toHaveLength(1);
  process.stdout.write(`interconnect rotation: ${sent} pings, ${lost} lost\n`);
}, 180_000);

test('two neighbours that are asked at once rotate one after the other, without the loss of a packet [T6]', async () => {
  const { sent, lost } = await during(async () => {
    await Promise.all(['p2', 'p3'].map((id) => run(`node rotate-interconnect-key ${id}`)));
    await eventually(async () => (await generation('p2')) === 1 && (await generation('p3')) === 1, rotatedWithin);
    // Each interconnect has had two rotations: its first link carries it again.
    for (const [id, links] of [
      ['p1', 'p44i-p1-p2 p44i-p1-p3'],
      ['p2', 'p44i-p1-p2 p44i-p2-p3'],
      ['p3', 'p44i-p1-p3 p44i-p2-p3'],
    ] as const)
      await eventually(async () => (await linksOf(id)).join(' ') === links, 20_000);
    await realClock.sleep(1_000);
  });
  expect(sent).toBeGreaterThan(300);
  expect(lost).toBe(0);
  process.stdout.write(`two interconnect rotations: ${sent} pings, ${lost} lost\n`);
}, 240_000);

test('a rotation that a far node does not follow waits and says so, the old key works, and it can be taken back [T6]', async () => {
  const services = ['p3-daemon', 'p3-dataplane'];
  const { publicKey } = { publicKey: (await nodeOf('p1')).interconnectPublicKey };
  await Promise.all(services.map((name) => lab.service(name).stop()));
  const from = openClient(adminContext(lab)).at('p1');
  const { sent, lost } = await during(async () => {
    const { code } = await cli(client, '--node p1 node rotate-interconnect-key p1');
    expect(code).toBe(0);
    const waits = 'waits for the second link of p1-p3';
    await eventually(async () => (await from.fabric.listNodes({})).nodes.some((n) => n.rotation === waits), 30_000);
    expect(await linksOf('p1')).toEqual(['p44i-p1-p2', 'p44i-p1-p3', 'p44j-p1-p2', 'p44j-p1-p3']);
    // For longer than it would take to settle.
    await realClock.sleep(7_000);
    expect(await keyOf('p1', 'p44i-p1-p3')).toBe(publicKey);
    expect((await cli(client, '--node p1 node rotate-interconnect-key p1 --cancel')).code).toBe(0);
    await eventually(async () => (await linksOf('p1')).join(' ') === 'p44i-p1-p2 p44i-p1-p3', 20_000);
    await eventually(async () => (await linksOf('p2')).join(' ') === 'p44i-p1-p2 p44i-p2-p3', 20_000);
    await realClock.sleep(1_000);
  });
  expect(sent).toBeGreaterThan(300);
  expect(lost).toBe(0);
  expect(await keyOf('p1', 'p44i-p1-p2')).toBe(publicKey);
  process.stdout.write(`a rotation that was taken back: ${sent} pings, ${lost} lost\n`);
  await Promise.all(services.map((name) => lab.service(name).start()));
}, 240_000);

/** Of a loaded machine, on which a node may be as late as one that hangs. */
const seenWithin = 45_000;
/** The path between two nodes as the first of them tells it. */
const pathOf = async (from: string, to: string) => {
  const { nodes } = await client.at(from).status.getMesh({});
  return nodes.find(({ state }) => state?.node?.id === from)?.paths.find(({ nodeId }) => nodeId === to);
};
const answersHost = () => lab.exec('client', ['ping', '-n', '-c1', '-W1', host4]);

async function stationAtSouth(): Promise<void> {
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { privateKey, publicKey } = newWgKeyPair();
  const { changed } = await client.tunnels.createTunnel({ name: 'station', publicKey, homePopId: 'south' });
  const applied = client.status.waitApplied({ revision: changed?.revision ?? 0n }, { deadlineMs: seenWithin });
  for await (const { pendingNodeIds } of applied) if (pendingNodeIds.length === 0) break;
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'south' });
  await wgQuickUp(lab, 'station', wgQuick({ ...template, privateKey }));
  await eventually(answersHost, seenWithin);
}

test('flows take both of two equal ways; a daemon that hangs costs them nothing but a part of its share, a link that flaps is put behind others, and is taken as it is when it is the last [N4] [N5]', async (context) => {
  onlyByName(context, 'lab/rotation');
  await stationAtSouth();
  await withoutUpstream(lab, 'p3');
  const links = ['p44i-p1-p3', 'p44i-p2-p3'];
  await eventually(async () => [...(await waysOut(lab, 'p3')).keys()].sort().join() === links.join(), seenWithin);
  const sentByBoth = () => Promise.all(links.map((link) => sentBy(lab, 'p3', link)));
  await eventually(async () => {
    const before = await sentByBoth();
    await manyFlows(lab);
    const after = await sentByBoth();
    return after.every((bytes, at) => bytes - (before[at] ?? 0) > leastBytes);
  }, seenWithin);
  // Answered by the kernel: a program that stands still loses what comes meanwhile.
  const targets = Array.from({ length: 8 }, (_, n) => `198.18.100.${n + 11}`);
  const batch = targets.map((target) => `addr add ${target}/24 dev eth0`).join('\n');
  await lab.exec('host', ['ip', '-batch', '-'], { input: `${batch}\n` });
  const probes = targets.map((target): Probe => ['client', target]);
  const daemon = lab.service('p1-daemon').pid() ?? 0;
  const { sent, lost } = await during(async () => {
    process.kill(daemon, 'SIGSTOP');
    try {
      await flap(lab, ['p2', 'p44i-p1-p2'], () => pathOf('p2', 'p1'), seenWithin);
      await eventually(async () => {
        const [hung, ways] = [await pathOf('p3', 'p1'), await waysOut(lab, 'p3')];
        const [less = 0, more = 0] = links.map((link) => ways.get(link) ?? 0);
        return hung?.troubles.includes('silent') === true && less > 0 && less < more;
      }, seenWithin);
      await eventually(async () => {
        const path = await pathOf('p2', 'p1');
        return path?.up === true && path.detour && path.weight === 1 && path.troubles.includes('flapping');
      }, seenWithin);
    } finally {
      process.kill(daemon, 'SIGCONT');
    }
  }, probes);
  expect(sent).toBeGreaterThan(1_000);
  expect(lost).toBe(0);
  await cutBfd(lab, 'p2', 'p44i-p2-p3');
  await eventually(async () => {
    const [last, other] = [await pathOf('p2', 'p1'), await pathOf('p2', 'p3')];
    return other?.up === false && last?.up === true && !last.detour && last.troubles.includes('flapping');
  }, seenWithin);
  await eventually(answersHost, seenWithin);
  process.stdout.write(`two equal ways: ${sent} pings, ${lost} lost\n`);
}, 240_000);
