// Replace: a machine of a pair is gone for good. It is taken out, another one joins in its place, and takes the PoP over when the
// one that was left dies too.

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../eventually.ts';
import { programFile } from '../programs.ts';
import { cli } from '../cli-world.ts';
import { etcdEndpoint, nodeFiles } from './node-files.ts';
import { outageDuring } from './outage.ts';
import { killNode, speakersOf } from './pair.ts';
import { type PairScene, raisePairScene, stockMs, withinMs } from './pair-scene.ts';
import { netnsFile, nodeDirectory } from './places.ts';
import { host4 } from './topology.ts';

const pop44d = programFile('pop44d');
let scene: PairScene;
beforeAll(async () => {
  scene = await raisePairScene({ directory: '/tmp/replace', pair: true });
}, 120_000);
afterAll(() => scene?.stop());

const at = (name: string): string => `${nodeDirectory('p4')}/${name}`;

async function pop44(line: string): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const { code, stdout, stderr } = await cli(scene.client, line);
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('pop44:') as unknown]);
  return { stdout, stderr };
}

/** Names of the etcd members, as one of them has it. */
async function members(): Promise<readonly string[]> {
  const p1 = scene.lab.nodes.find(({ node }) => node.id === 'p1')?.node;
  if (p1 === undefined) throw new Error('no p1');
  const { ca, certificate, key } = nodeFiles('p1');
  const tls = ['--cacert', ca, '--cert', certificate, '--key', key, '--endpoints', etcdEndpoint(p1)];
  const env = { ETCDCTL_API: '3' };
  const { stdout } = await scene.lab.exec('p1t', ['etcdctl', ...tls, 'member', 'list'], { env });
  return stdout
    .split('\n')
    .flatMap((line) => line.split(', ')[2] ?? [])
    .sort();
}

const linksOf = async (node: string): Promise<string> =>
  (await scene.lab.exec(`${node}p`, ['ip', '-br', 'link'])).stdout;

/** What stands at the same place in the network, and knows nothing. */
async function anotherMachine(): Promise<void> {
  await rm(nodeDirectory('p4'), { recursive: true });
  await mkdir(nodeDirectory('p4'), { recursive: true });
  for (const netns of ['p4t', 'p4p']) await scene.lab.exec(netns, ['nft', 'flush', 'ruleset']);
  await scene.lab.exec('p4t', ['sh', '-c', 'rm -f /run/wireguard/*']);
}

test('a dead node is taken out, with its etcd member, and its place is kept [N7] [S6]', async () => {
  const { lab, settled, roles, client, heardBy } = scene;
  const [, standby] = await roles();
  await settled(standby, 'standby');
  await heardBy(standby);
  await pop44('tunnel create phone --file /run/phone.conf --preshared-key --home south --pop south');
  expect((await cli(client, 'node remove p4')).stderr).toContain('is running');
  await killNode(lab, 'p4');
  await eventually(async () => (await speakersOf(lab)).join() === 'p3', withinMs);
  await eventually(async () => {
    const { nodes } = await client.fabric.listNodes({});
    return nodes.find(({ node }) => node?.id === 'p4')?.connected === false;
  }, withinMs);
  expect(await members()).toEqual(['p1', 'p2', 'p3', 'p4']);
  const { stderr } = await pop44('node remove p4 --keep-place');
  expect(stderr).toContain('node p4 removed, its place kept: pop44 node token create p4');
  expect(stderr).toMatch(/its etcd member [0-9a-f]+ is gone/);
  expect(stderr).toContain('p4 knows the access key of PoP south');
  expect(await members()).toEqual(['p1', 'p2', 'p3']);
  await eventually(async () => !(await linksOf('p1')).includes('p44i-p1-p4'), withinMs);
  await scene.reached('client', host4);
}, 120_000);

test('another machine joins in its place, and the two are a pair again [N7] [S6]', async () => {
  const { lab, settled, client } = scene;
  await anotherMachine();
  const { stdout: token } = await pop44('node token create p4');
  await writeFile('/run/p4.token', token, { mode: 0o600 });
  await lab.exec(
    'p4t',
    [
      ...[process.execPath, pop44d, 'join', '--token-file', '/run/p4.token', '--dir', nodeDirectory('p4')],
      ...['--state-dir', at('state'), '--run-dir', at('run'), '--made-keys-dir', at('made')],
      ...['--netns-transport', netnsFile('p4t'), '--netns-pop', netnsFile('p4p')],
    ],
    { timeoutMs: withinMs },
  );
  // What the disk of p3 has may be some seconds old.
  const reseal = 'node reseal p3 --identity /run/node/p3/sealing.agekey --records /run/node/p3/state/snapshot --for p4';
  await eventually(() => pop44(reseal), withinMs);
  for (const part of ['dataplane', 'daemon']) await lab.service(`p4-${part}`).start();
  await settled('p4', 'standby');
  await settled('p3', 'active');
  expect(await speakersOf(lab)).toEqual(['p3']);
  await eventually(async () => (await linksOf('p1')).includes('p44i-p1-p4'), withinMs);
  const keys = async (node: string) =>
    (await lab.exec(`${node}p`, ['wg', 'show', 'p44w0', 'preshared-keys'])).stdout.split('\n').sort();
  await eventually(async () => (await keys('p4')).join() === (await keys('p3')).join(), withinMs);
  expect((await keys('p4')).filter((line) => line !== '' && !line.endsWith('(none)'))).toHaveLength(1);
  // It follows the store, though no etcd is on it.
  const change = { requestId: randomUUID() };
  const { changed } = await client.pools.createPool({ prefix: '44.32.0.0/24', change });
  await scene.applied(changed?.revision);
}, 120_000);

test('the node that was left dies: the new one carries the PoP, and clients go on [N7] [A3]', async () => {
  const { lab } = scene;
  await eventually(async () => (await readFile(at('made/sibling-endpoints'), 'utf8')).includes('endpoint'), withinMs);
  const watched = outageDuring(lab, 'client', host4, 6);
  // It is under way.
  await lab.clock.sleep(500);
  await killNode(lab, 'p3');
  const { ms, ended } = await watched;
  expect(ended).toBe(true);
  expect(ms).toBeLessThan(stockMs);
  expect(await speakersOf(lab)).toEqual(['p4']);
}, 90_000);

test('a node that nobody is to replace leaves nothing behind [S6]', async () => {
  const { client } = scene;
  await eventually(async () => {
    const { nodes } = await client.fabric.listNodes({});
    return nodes.find(({ node }) => node?.id === 'p3')?.connected === false;
  }, withinMs);
  await pop44('node remove p3');
  expect(await members()).toEqual(['p1', 'p2']);
  const { nodes } = await client.fabric.listNodes({});
  expect(nodes.map(({ node }) => node?.id)).toEqual(['p1', 'p2', 'p4']);
  const { upstreams } = await client.fabric.listUpstreams({});
  expect(upstreams.filter(({ nodeId }) => nodeId === 'p3')).toEqual([]);
  await eventually(async () => !(await linksOf('p1')).includes('p3'), withinMs);
  expect(await linksOf('p1')).toContain('p44i-p1-p4');
  await scene.reached('client', host4);
}, 60_000);
