// Drain: a PoP of two nodes goes from one to the other by an order, and back, and nobody who uses it loses a packet.
//
// A client behind two NATs, with the firewall that lets in replies alone: echoes each 20 ms by both ways, a download and a stream
// by UDP that only the other side sends.

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { wgQuick } from '#internal/clientfile/clientfile.ts';
import { realClock } from '#internal/clock/clock.ts';
import { cli } from '../cli-world.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { newWgKeyPair } from './node-files.ts';
import { outageDuring } from './outage.ts';
import { killNode, type Member, rolesOf, startNode } from './pair.ts';
import { callForPush, type PushCall } from './push-call.ts';
import { raiseLab } from './raise.ts';
import { host4 } from './topology.ts';
import type { World } from './world.ts';

/** Clearly below what a stock client needs by itself (15 s, measured). */
const stockMs = 10_000;
/** A loaded machine's. */
const withinMs = 30_000;
/** A move takes 3.5 s and more, and its order is in the first second of it. */
const watchSeconds = 9;
let lab: World;
let client: Client;
let address = '';
let call: PushCall;

const roles = () => rolesOf(lab, withinMs);

const reached = (netns: string, to: string) =>
  eventually(() => lab.exec(netns, ['ping', '-n', '-c1', '-W1', to]), withinMs);

const stateOf = async (node: Member) => {
  const { nodes } = await client.fabric.listNodes({});
  return nodes.find((state) => state.node?.id === node);
};

/** With a node's own certificate, as its operator does it. */
async function etcdctl(node: Member, ...args: readonly string[]): Promise<string> {
  const endpoints = lab.nodes.map(({ node: { meshAddress } }) => `https://[${meshAddress}]:2379`).join(',');
  const files = [`--cacert=/run/node/${node}/ca.pem`, `--cert=/run/node/${node}/node.pem`];
  const argv = ['etcdctl', `--endpoints=${endpoints}`, ...files, `--key=/run/node/${node}/node.key`, ...args];
  return (await lab.exec(`${node}t`, ['env', 'ETCDCTL_API=3', ...argv])).stdout;
}

/** `https://[fd44:44::3]:2379, 8e9e05c52164694d, 3.4.23, 20 kB, true, ...`: the fifth is whether it leads. */
async function memberOf(node: Member): Promise<{ readonly id: string; readonly leads: boolean }> {
  const address = lab.nodes.find((each) => each.node.id === node)?.node.meshAddress ?? '';
  const lines = (await etcdctl(node, 'endpoint', 'status')).split('\n').map((line) => line.split(', '));
  const [, id = '', , , leads] = lines.find(([url]) => url?.includes(`[${address}]`)) ?? [];
  return { id, leads: leads === 'true' };
}

/** Both are well, and the standby has everything that it needs to lead. */
const settled = async (): Promise<readonly [Member, Member]> => {
  const [active, standby] = await roles();
  await eventually(async () => {
    const [one, other] = [await stateOf(active), await stateOf(standby)];
    expect([one?.role, one?.pairAlarm, other?.role, other?.pairAlarm]).toEqual(['active', '', 'standby', '']);
    expect(other?.flowsHeld).toBeGreaterThanOrEqual(2);
    return true;
  }, withinMs);
  const file = `/run/node/${standby}/sibling-endpoints`;
  await eventually(async () => {
    const { stdout } = await lab.exec('host', ['cat', file]);
    return publicKeys.every((key) => stdout.includes(key));
  }, withinMs);
  return [active, standby];
};

/** What is lost of echoes outward and inward, and of the stream, while something happens. */
async function lostWhile(work: () => Promise<unknown>): Promise<readonly number[]> {
  const watch = { seconds: watchSeconds, rttMs: 1_000 };
  const [outward, inward] = await Promise.all([
    outageDuring(lab, 'client', host4, watch),
    outageDuring(lab, 'host', address, watch),
    realClock.sleep(1_000).then(work),
  ]);
  return [outward.lost, inward.lost, await call.lost()];
}

/** The roles that a node's privileged half has had, as it has logged them. */
async function rolesIn(node: Member): Promise<readonly string[]> {
  const text = await readFile(join(lab.directory, 'log', `${node}-dataplane.log`), 'utf8');
  const roles = text.split('\n').flatMap((line) => {
    const { msg, role } = JSON.parse(line === '' ? '{}' : line) as { readonly msg?: string; readonly role?: string };
    return msg === 'duty' && role !== undefined ? [role] : [];
  });
  // Alarms are logged with it.
  return roles.filter((role, at) => role !== roles[at - 1]);
}

const publicKeys: string[] = [];

/** Gives its address. What is sent from others goes by the first one. */
async function raiseStation(name: string): Promise<string> {
  const keys = newWgKeyPair();
  const { changed, tunnel } = await client.tunnels.createTunnel({
    name,
    publicKey: keys.publicKey,
    homePopId: 'south',
    firewall: { presets: ['ping'] },
  });
  const revision = changed?.revision ?? 0n;
  for await (const { pendingNodeIds } of client.status.waitApplied({ revision }, { deadlineMs: withinMs }))
    if (pendingNodeIds.length === 0) break;
  const template = await client.tunnels.getTunnelTemplate({ tunnel: name, popId: 'south' });
  const text = wgQuick({ ...template, privateKey: keys.privateKey });
  const file = `/run/${name}.conf`;
  const alone = text.replace('[Interface]', '[Interface]\nTable = off');
  await writeFile(file, publicKeys.length === 0 ? text : alone, { mode: 0o600 });
  publicKeys.push(keys.publicKey);
  await roles();
  const env = { WG_QUICK_USERSPACE_IMPLEMENTATION: 'wireguard-go' };
  await lab.exec('client', ['wg-quick', 'up', file], { env });
  return tunnel?.prefixes[0]?.split('/')[0] ?? '';
}

beforeAll(async () => {
  lab = await raiseLab({ directory: '/tmp/drain', clock: realClock, pair: true });
  client = openClient(adminContext(lab), { deadlineMs: 30_000 });
  for (const prefix of ['44.31.0.0/22', '2001:db8:44::/48']) await client.pools.createPool({ prefix });
  address = await raiseStation('station');
  await reached('client', host4);
  await reached('host', address);
  call = await callForPush(lab, withinMs);
}, 120_000);

afterAll(async () => {
  client?.close();
  await lab?.stop();
});

test.each(['there', 'and back'])(
  'by an order %s the standby takes over, and nothing is lost by either way [N8]',
  async () => {
    const [active, standby] = await settled();
    const before = await Promise.all([rolesIn(active), rolesIn(standby)]);
    const lost = await lostWhile(() => client.fabric.takeOver({ node: standby }));
    expect(lost).toEqual([0, 0, 0]);
    expect(await roles()).toEqual([standby, active]);
    const [left, came] = await Promise.all([rolesIn(active), rolesIn(standby)]);
    expect(left.slice(before[0].length)).toEqual(['yielding', 'handed', 'leaving', 'standby']);
    expect(came.slice(before[1].length)).toEqual(['joining', 'calling', 'active']);
    await call.goesOn(withinMs);
  },
  90_000,
);

test('a node that is drained and put back loses nothing: its PoP and the lead of etcd go, and the PoP comes back [N8]', async () => {
  const [active, standby] = await settled();
  const { id, leads } = await memberOf(active);
  if (!leads) await etcdctl(active, 'move-leader', id);
  await eventually(async () => (await memberOf(active)).leads, withinMs);
  const lost = await lostWhile(async () => {
    const { code, stderr } = await cli(client, `node drain ${active} --reason disk --wait=60`);
    expect([code, stderr]).toEqual([0, expect.stringContaining('carries nothing')]);
  });
  expect(lost).toEqual([0, 0, 0]);
  expect(await roles()).toEqual([standby, active]);
  expect((await memberOf(active)).leads).toBe(false);
  expect((await cli(client, 'node list')).stdout).toContain('DRAINED');
  await expect(client.fabric.takeOver({ node: active })).rejects.toThrow('is drained');
  // Nobody would be left.
  const silent = await cli(client, `node drain ${standby}`);
  expect(silent.stderr).toMatch(/tunnel(s fall| falls) silent/);
  const again = await lostWhile(async () => {
    const { code } = await cli(client, `node undrain ${active} --wait=60`);
    expect(code).toBe(0);
  });
  expect(again).toEqual([0, 0, 0]);
  expect(await roles()).toEqual([active, standby]);
  await call.goesOn(withinMs);
}, 120_000);

test('the node that comes is killed in the middle of an order: the other one goes on [N8]', async () => {
  // A client that was there a moment ago, and does not answer: it is called for a while.
  await raiseStation('gone');
  await lab.exec('client', ['ip', 'route', 'add', '198.18.100.1', 'dev', 'gone']);
  await reached('client', '198.18.100.1');
  const [active, standby] = await settled();
  await lab.exec('client', ['wg-quick', 'down', '/run/gone.conf']);
  const watched = Promise.all([outageDuring(lab, 'client', host4, 8), outageDuring(lab, 'host', address, 8)]);
  const ordered = client.fabric.takeOver({ node: standby }).then(
    () => '',
    (refused: Error) => refused.message,
  );
  await eventually(async () => (await rolesIn(standby)).at(-1) === 'calling', withinMs);
  await killNode(lab, standby);
  expect(await ordered).not.toBe('');
  for (const { ms, ended } of await watched) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  expect(await roles()).toEqual([active, standby]);
  expect((await rolesIn(active)).slice(-2)).toEqual(['yielding', 'active']);
  await call.goesOn(withinMs);
  await startNode(lab, standby);
  await settled();
}, 120_000);
