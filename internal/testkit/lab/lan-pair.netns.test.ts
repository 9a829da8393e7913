// A pair on a LAN: its endpoint is announced to nobody. The active node holds it on its uplink, and the router learns by ARP and
// neighbour discovery where it is.
//
//   client ==== tunnel ==== inet --+-- p3 (south) --+ heartbeat
//                           (lan)  +-- p4 (south) --+

import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { outageDuring } from './outage.ts';
import { killNode, type Member, processesOf, signal, speakersOf, startNode } from './pair.ts';
import { type PairScene, raisePairScene, stockMs, withinMs } from './pair-scene.ts';
import { host4 } from './topology.ts';

const endpoints = ['198.18.3.100', '2001:db8:1:3::100'] as const;
let scene: PairScene;
let address = '';

beforeAll(async () => {
  scene = await raisePairScene({ directory: '/tmp/lan-pair', pair: { lan: true } });
  address = scene.prefixes[0]?.split('/')[0] ?? '';
}, 120_000);
afterAll(() => scene?.stop());

/** One of the two has the endpoint's addresses in its kernel, and nobody else. */
const heldBy = (node: Member) =>
  eventually(async () => {
    for (const endpoint of endpoints) expect(await holdersOf(endpoint)).toEqual([node]);
    return true;
  }, withinMs);

/** Which of the two has an endpoint's address in its kernel. */
async function holdersOf(endpoint: string): Promise<readonly Member[]> {
  const held = await Promise.all(
    (['p3', 'p4'] as const).map(async (node) => {
      const { stdout } = await scene.lab.exec(`${node}t`, ['ip', '-o', 'address', 'show', 'dev', 'uplink']);
      return stdout.includes(`${endpoint}/`) ? [node] : [];
    }),
  );
  return held.flat();
}

async function macOf(node: Member): Promise<string> {
  const { stdout } = await scene.lab.exec(`${node}t`, ['ip', '-j', 'link', 'show', 'dev', 'uplink']);
  const [link] = JSON.parse(stdout) as readonly { readonly address: string }[];
  return link?.address ?? '';
}

/** Whose Ethernet address the router has for every endpoint. */
const leadsTo = (node: Member) =>
  eventually(async () => {
    const mac = await macOf(node);
    for (const endpoint of endpoints) {
      // What it does not know it asks.
      await scene.lab.exec('inet', ['ping', '-n', '-c1', '-W1', endpoint], { accept: [0, 1] });
      const { stdout } = await scene.lab.exec('inet', ['ip', 'neighbour', 'show', 'to', endpoint]);
      expect(stdout).toContain(mac);
    }
    return true;
  }, withinMs);

test('the active node holds the endpoint on its uplink, the standby does not answer for it, and no BGP tells of it [N7]', async () => {
  const { lab, roles, settled } = scene;
  const [active, standby] = await roles();
  await settled(active, 'active');
  await settled(standby, 'standby');
  await heldBy(active);
  await leadsTo(active);
  const { stdout } = await lab.exec('inet', ['ip', 'route', 'show', 'proto', 'bird']);
  expect(stdout).not.toContain(endpoints[0]);
  // Asked by the one who does not hold it: a question on the wire, and one answer.
  for (const endpoint of endpoints) await lab.exec(`${standby}t`, ['ping', '-n', '-c1', '-W2', endpoint]);
});

test('kill -9 of everything of the active node: both directions go on by the other, though the kernel of the first has the address [N7] [A3]', async () => {
  const { lab, roles, settled, heardBy } = scene;
  const [active, standby] = await roles();
  // Of a try that failed before, the one that it killed is still down.
  await startNode(lab, standby);
  await settled(standby, 'standby');
  await heardBy(standby);
  const watched = Promise.all([outageDuring(lab, 'client', host4, 6), outageDuring(lab, 'host', address, 6)]);
  // Both are under way.
  await lab.clock.sleep(500);
  await killNode(lab, active);
  for (const { ms, ended } of await watched) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  expect(await roles()).toEqual([standby, active]);
  await leadsTo(standby);
  // A router that knows nothing asks, and both kernels answer: the announcements make it right.
  for (const endpoint of endpoints) await lab.exec('inet', ['ip', 'neighbour', 'flush', 'to', endpoint]);
  await scene.reached('client', host4);
  await leadsTo(standby);
}, 90_000);

test('the node that returns lets go of the address, and joins as standby [N7]', async () => {
  const { lab, roles, settled, reached } = scene;
  const [active, back] = await roles();
  await startNode(lab, back);
  await settled(back, 'standby');
  expect(await roles()).toEqual([active, back]);
  await heldBy(active);
  await reached('host', address);
}, 60_000);

test('by an order the address goes over, with the client [N7]', async () => {
  const { lab, client, roles, settled, heardBy } = scene;
  const [active, standby] = await roles();
  await heardBy(standby);
  const watched = outageDuring(lab, 'client', host4, 5);
  await eventually(() => client.fabric.takeOver({ node: standby }), withinMs);
  const { ms, ended } = await watched;
  expect(ended).toBe(true);
  expect(ms).toBeLessThan(stockMs);
  await settled(active, 'standby');
  await heldBy(standby);
  await leadsTo(standby);
}, 60_000);

test('a node that stood still has let go when it runs on [N7]', async () => {
  const { lab, roles, settled, reached } = scene;
  const [active, standby] = await roles();
  const pids = await processesOf(lab, active);
  signal(pids, 'SIGSTOP');
  try {
    await eventually(async () => (await speakersOf(lab)).join() === standby, withinMs);
  } finally {
    signal(pids, 'SIGCONT');
  }
  await settled(active, 'standby');
  await heldBy(standby);
  await reached('client', host4);
}, 90_000);

test('the active node loses its LAN: it steps down, and the other one leads [N7]', async () => {
  const { lab, roles, settled, heardBy, reached } = scene;
  const [active, standby] = await roles();
  await settled(standby, 'standby');
  await heardBy(standby);
  await lab.exec('inet', ['ip', 'link', 'set', `${active}t`, 'down']);
  try {
    await eventually(async () => (await speakersOf(lab)).join() === standby, withinMs);
    await heldBy(standby);
    await reached('client', host4);
  } finally {
    await lab.exec('inet', ['ip', 'link', 'set', `${active}t`, 'up']);
  }
  await settled(active, 'standby');
}, 90_000);
