// Takeover: a PoP of two nodes loses the active one, and a client that knows nothing of it goes on.
//
//   client ==== tunnel ====+- p3 (south) --+ heartbeat
//                          +- p4 (south) --+
//   p1, p2: CORE, with interconnects to both
//
// How long it takes is told by `npm run bench -- failover`; here it must be clearly less than what WireGuard does by
// itself (15 s, measured), on a machine that others use too.

import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair } from './node-files.ts';
import { outageDuring } from './outage.ts';
import { killNode, type Member, processesOf, rolesOf, signal, speakersOf, startNode } from './pair.ts';
import type { Pushed } from './push-caller.ts';
import { raiseLab } from './raise.ts';
import { host4 } from './topology.ts';
import type { World } from './world.ts';

const station = newWgKeyPair();
/** Clearly below what a stock client needs by itself. */
const stockMs = 10_000;
/** A loaded machine's. */
const withinMs = 30_000;
let lab: World;
let client: Client;
let address = '';

const roles = () => rolesOf(lab, withinMs);

/** The standby has heard where the station is. */
const heardBy = (node: Member) =>
  eventually(
    async () => (await readFile(`/run/node/${node}/sibling-endpoints`, 'utf8')).includes(station.publicKey),
    withinMs,
  );

const stateOf = async (node: Member) => {
  const { nodes } = await client.fabric.listNodes({});
  return nodes.find((state) => state.node?.id === node);
};

const reached = (netns: string, to: string) =>
  eventually(() => lab.exec(netns, ['ping', '-n', '-c1', '-W1', to]), withinMs);

const pushPort = '5100';
const pushedFile = '/run/pushed';
const program = (name: string): string => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));

const pushed = async (): Promise<Pushed> => JSON.parse(await readFile(pushedFile, 'utf8')) as Pushed;

/** A download and a stream that the station's policy lets in as replies alone; it says nothing more itself. */
async function call(): Promise<void> {
  await lab.serve('host-push', 'host', [process.execPath, program('push-peer'), pushPort]);
  await eventually(
    async () => (await lab.exec('host', ['ss', '-Hltn', 'sport', '=', `:${pushPort}`])).stdout !== '',
    withinMs,
  );
  await lab.serve('client-call', 'client', [process.execPath, program('push-caller'), host4, pushPort, pushedFile]);
  await eventually(async () => (await pushed()).udpPackets > 0 && (await pushed()).tcpBytes > 0, withinMs);
}

/** More comes by both flows, which are the same ones still. */
async function goesOn(): Promise<void> {
  const before = await pushed();
  await eventually(async () => {
    const { tcpBytes, udpPackets, ended } = await pushed();
    expect(ended).toBe('');
    return tcpBytes > before.tcpBytes + 2 && udpPackets > before.udpPackets + 1;
  }, withinMs);
}

/** As many states of flows as the active node has, which its sibling keeps outside the kernel: `conntrackd -s`. */
async function statesOf(node: Member): Promise<{ own: number; held: number }> {
  const argv = ['conntrackd', '-C', `/run/node/${node}/run/sync.conf`, '-s'];
  const { stdout } = await lab.exec(`${node}p`, argv, { accept: [0, 1] });
  const [own = -1, held = -1] = [...stdout.matchAll(/current active connections:\s+(\d+)/g)].map(([, n]) => Number(n));
  return { own, held };
}

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/takeover', clock: realClock, pair: true });
  client = openClient(adminContext(lab));
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  const { changed, tunnel } = await client.tunnels.createTunnel({
    name: 'station',
    publicKey: station.publicKey,
    homePopId: 'south',
    firewall: { presets: ['ping'] },
    rateUpBitPerSecond: 20_000_000n,
    rateDownBitPerSecond: 20_000_000n,
  });
  address = tunnel?.prefixes[0]?.split('/')[0] ?? '';
  const revision = changed?.revision ?? 0n;
  for await (const { pendingNodeIds } of client.status.waitApplied({ revision }, { deadlineMs: withinMs }))
    if (pendingNodeIds.length === 0) break;
  const template = await client.tunnels.getTunnelTemplate({ tunnel: 'station', popId: 'south' });
  await writeFile('/run/station.conf', wgQuick({ ...template, privateKey: station.privateKey }), { mode: 0o600 });
  await roles();
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', '/run/station.conf'], { env });
  await reached('client', host4);
  await reached('host', address);
}, 120_000);

afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test('of two nodes one is active; the other holds the peer, knows no endpoint, and is neither heard nor announced [N7]', async () => {
  const [active, standby] = await roles();
  expect((await stateOf(active))?.role).toBe('active');
  await eventually(async () => (await stateOf(standby))?.role === 'standby', withinMs);
  const peers = await lab.exec(`${standby}p`, ['wg', 'show', 'p44w0', 'endpoints']);
  expect(peers.stdout.trim()).toBe(`${station.publicKey}\t(none)`);
  // When it comes it shares nothing with those who wait for a class.
  const classes = async (node: Member) =>
    (await lab.exec(`${node}p`, ['tc', 'class', 'show', 'dev', 'p44w0'])).stdout.match(/ceil 20Mbit/g)?.length;
  await eventually(async () => (await classes(standby)) === 1 && (await classes(active)) === 1, withinMs);
  for (const node of [active, standby]) {
    // 2: a table in which no route ever stood is none.
    const accept = { accept: [0, 2] };
    const announced = await lab.exec(`${node}t`, ['ip', 'route', 'show', 'table', '4397'], accept);
    const home = await lab.exec(`${node}p`, ['ip', 'route', 'show', 'table', '4401', 'dev', 'p44w0'], accept);
    expect(announced.stdout.includes('unreachable 44.27.0.3')).toBe(node === active);
    expect(home.stdout.includes('44.31.')).toBe(node === active);
  }
  expect((await lab.exec('inet', ['ip', 'route', 'show', '44.27.0.3'])).stdout).toContain(`dev ${active}t`);
});

test('kill -9 of everything of the active node: both directions are back long before WireGuard would be, and what came as replies goes on [N7] [A3]', async () => {
  const [active, standby] = await roles();
  // Of a try that failed before, the one that it killed is still down.
  await startNode(lab, standby);
  await eventually(async () => (await stateOf(standby))?.role === 'standby', withinMs);
  await heardBy(standby);
  await call();
  await eventually(async () => (await statesOf(standby)).held >= 2, withinMs);
  const watched = Promise.all([outageDuring(lab, 'client', host4, 5), outageDuring(lab, 'host', address, 5)]);
  await killNode(lab, active);
  for (const { ms, ended } of await watched) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  expect(await roles()).toEqual([standby, active]);
  await goesOn();
}, 90_000);

test('a node that returns joins as standby and takes nothing back [N7]', async () => {
  const [active] = await speakersOf(lab);
  const back: Member = active === 'p3' ? 'p4' : 'p3';
  await startNode(lab, back);
  await eventually(async () => (await stateOf(back))?.role === 'standby', withinMs);
  expect(await roles()).toEqual([active, back]);
  await reached('host', address);
  // It was away, and is told everything.
  await eventually(async () => {
    const [there, here] = await Promise.all([statesOf(back === 'p3' ? 'p4' : 'p3'), statesOf(back)]);
    return there.own >= 2 && here.held >= 2;
  }, withinMs);
  await eventually(async () => ((await stateOf(back))?.flowsHeld ?? 0) >= 2, withinMs);
  await eventually(async () => (await stateOf(back))?.pairAlarm === '', withinMs);
}, 60_000);

test('the heartbeat link is cut with both alive: an alarm, and nothing moves [N7]', async () => {
  const [active, standby] = await roles();
  await lab.exec(`${standby}t`, ['ip', 'link', 'set', 'heartbeat', 'down']);
  try {
    await eventually(async () => (await stateOf(standby))?.pairAlarm === 'heartbeat-down', withinMs);
    expect(await speakersOf(lab)).toEqual([active]);
    expect((await stateOf(active))?.role).toBe('active');
  } finally {
    await lab.exec(`${standby}t`, ['ip', 'link', 'set', 'heartbeat', 'up']);
  }
  await eventually(async () => (await stateOf(standby))?.pairAlarm === '', withinMs);
}, 60_000);

test('the WireGuard process of the active node dies: its sibling goes on [N7]', async () => {
  const [active, standby] = await roles();
  await heardBy(standby);
  // It asks for all of them anew when the heartbeat link is back.
  await eventually(async () => (await statesOf(standby)).held >= 2, withinMs);
  const watched = outageDuring(lab, 'client', host4, 5);
  const { stdout } = await lab.exec(`${active}t`, ['cat', `/run/node/${active}/run/p44w0.pid`]);
  process.kill(Number(stdout), 'SIGKILL');
  const { ms, ended } = await watched;
  expect(ended).toBe(true);
  expect(ms).toBeLessThan(stockMs);
  expect(await roles()).toEqual([standby, active]);
  await goesOn();
}, 60_000);

test('a node that stood still is fenced by its kernel before it runs on, and joins as standby [N7]', async () => {
  const [active, standby] = await roles();
  const pids = await processesOf(lab, active);
  signal(pids, 'SIGSTOP');
  try {
    await eventually(async () => (await speakersOf(lab)).join() === standby, withinMs);
  } finally {
    signal(pids, 'SIGCONT');
  }
  // Whoever speaks meanwhile, it is not the one that knows nothing of what has happened.
  const seen = new Set<Member>();
  await eventually(async () => {
    for (const speaker of await speakersOf(lab)) seen.add(speaker);
    return (await stateOf(active))?.role === 'standby';
  }, withinMs);
  expect([...seen]).toEqual([standby]);
  await reached('client', host4);
}, 90_000);

test('by an order the standby takes over, and the other one lets go [N7]', async () => {
  const [active, standby] = await roles();
  const before = (await stateOf(active))?.takeoverEpoch ?? 0n;
  // Refused while its way out is not there again.
  await eventually(() => client.fabric.takeOver({ node: standby }), withinMs);
  expect(await roles()).toEqual([standby, active]);
  await eventually(async () => (await stateOf(standby))?.role === 'active', withinMs);
  expect((await stateOf(standby))?.takeoverEpoch).toBeGreaterThan(before);
  await reached('client', host4);
  await expect(client.fabric.takeOver({ node: 'p1' })).rejects.toThrow('has no sibling');
  await expect(client.fabric.takeOver({ node: 'p9' })).rejects.toThrow('is no node');
}, 60_000);
