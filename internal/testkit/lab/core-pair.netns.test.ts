// A pair on a CORE: both of its nodes announce pools, hold an etcd member and have the last resort's worries. And its client is
// a router with a /29, behind which a host has an address of its own.
//
//   host 44.31.0.3 -- client 44.31.0.0/29 ==== tunnel ====+- p3 (south, CORE) --+ heartbeat
//                                                         +- p4 (south, CORE) --+

import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '#internal/exec/exec.ts';
import { eventually } from '../eventually.ts';
import { outageDuring } from './outage.ts';
import { killNode, speakersOf, startNode } from './pair.ts';
import { type PairScene, raisePairScene, stockMs, withinMs } from './pair-scene.ts';
import { netnsFile } from './places.ts';
import { host4 } from './topology.ts';

let scene: PairScene;
let behind = '';

/** As an exec of the lab's, of a host that is none of its machines. */
const inside = {
  exec: (_: string, [file = '', ...args]: readonly string[], options: object = {}) =>
    run({ file, args, netns: netnsFile('behind'), ...options }),
};

/** A host on a LAN of the client's, which has the second address of the block; the first is the tunnel's. */
async function addHostBehind([block = '']: readonly string[]): Promise<string> {
  const first = block.split('/')[0] ?? '';
  const own = (at: number): string => first.replace(/\d+$/, (last) => String(Number(last) + at));
  const ip = (netns: string | undefined, ...lines: readonly string[]) =>
    run({
      ...{ file: 'ip', args: ['-batch', '-'], input: `${lines.join('\n')}\n` },
      ...(netns !== undefined && { netns: netnsFile(netns) }),
    });
  await ip(undefined, 'netns add behind', 'link add lan0 netns client type veth peer name eth0 netns behind');
  await ip('client', `addr add ${own(2)}/29 dev lan0`, 'link set lan0 up');
  await ip('behind', `addr add ${own(3)}/29 dev eth0`, 'link set eth0 up', `route add default via ${own(2)}`);
  await run({ file: 'sysctl', args: ['-qw', 'net.ipv4.ip_forward=1'], netns: netnsFile('client') });
  return own(3);
}

beforeAll(async () => {
  scene = await raisePairScene({
    directory: '/tmp/core-pair',
    pair: { core: true },
    tunnel: { wishes: [{ family: 4, length: 29 }, { family: 6 }] },
  });
  behind = await addHostBehind(scene.prefixes);
  await eventually(() => inside.exec('behind', ['ping', '-n', '-c1', '-W1', host4]), withinMs);
  await scene.reached('host', behind);
}, 120_000);
afterAll(async () => {
  await scene?.stop();
  await run({ file: 'ip', args: ['netns', 'del', 'behind'], accept: [0, 1] });
});

test('a CORE of two nodes: both announce the pools, one the home and the endpoint [N7] [A4]', async () => {
  const { lab, roles, settled } = scene;
  const [active, standby] = await roles();
  await settled(standby, 'standby');
  const { stdout } = await lab.exec('inet', ['ip', '-4', 'route', 'show', '44.31.0.0/22']);
  for (const node of [active, standby]) expect(stdout).toContain(`dev ${node}p`);
  for (const node of [active, standby]) {
    const home = await lab.exec(`${node}p`, ['ip', 'route', 'show', 'table', '4401', 'dev', 'p44w0'], {
      accept: [0, 2],
    });
    expect(home.stdout.includes('44.31.')).toBe(node === active);
  }
  expect((await lab.exec('inet', ['ip', 'route', 'show', '44.27.0.3'])).stdout).toContain(`dev ${active}t`);
});

test('kill -9 of everything of the active CORE: the router and the host behind it with an address of its /29 go on [N7] [A2] [A3]', async () => {
  const { lab, client, roles, settled, heardBy } = scene;
  const [active, standby] = await roles();
  // Of a try that failed before, the one that it killed is still down.
  await startNode(lab, standby);
  await settled(standby, 'standby');
  await heardBy(standby);
  const watched = Promise.all([
    outageDuring(inside, 'behind', host4, 5),
    outageDuring(lab, 'host', behind, 5),
    outageDuring(lab, 'client', host4, 5),
  ]);
  // All three are under way.
  await lab.clock.sleep(500);
  await killNode(lab, active);
  for (const { ms, ended } of await watched) {
    expect(ended).toBe(true);
    expect(ms).toBeLessThan(stockMs);
  }
  expect(await roles()).toEqual([standby, active]);
  // Three of four etcd members are left: changes are taken.
  await eventually(() => client.pools.createPool({ prefix: '44.32.0.0/24' }), withinMs);
  // And the pools are announced by those that live.
  await eventually(async () => {
    const { stdout } = await lab.exec('inet', ['ip', '-4', 'route', 'show', '44.31.0.0/22']);
    return !stdout.includes(`dev ${active}p`) && stdout.includes(`dev ${standby}p`);
  }, withinMs);
}, 90_000);

test('the CORE that returns is standby, and announces the pools again [N7] [N4]', async () => {
  const { lab, settled, reached } = scene;
  const [active] = await speakersOf(lab);
  const back = active === 'p3' ? 'p4' : 'p3';
  await startNode(lab, back);
  await settled(back, 'standby');
  expect(await speakersOf(lab)).toEqual([active]);
  await eventually(async () => {
    const { stdout } = await lab.exec('inet', ['ip', '-4', 'route', 'show', '44.31.0.0/22']);
    return stdout.includes(`dev ${back}p`);
  }, withinMs);
  await reached('host', behind);
}, 60_000);
