// What is left, in kernels and BIRDs of others too, when a transit session is deleted and when a node is shut out.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Client, openClient } from '#internal/client/client.ts';
import { realClock } from '#internal/clock/clock.ts';
import { eventually } from '../eventually.ts';
import { adminContext } from './admin.ts';
import { raiseLab } from './raise.ts';
import type { World } from './world.ts';

let lab: World;
let client: Client;
beforeAll(async () => {
  lab = await raiseLab({ directory: '/run/lab', clock: realClock });
  client = openClient(adminContext(lab));
}, 120_000);
afterAll(async () => {
  client?.close();
  await lab?.stop();
});

const keysOf = (node: string) => {
  const found = lab.nodes.find(({ node: { id } }) => id === node);
  if (found === undefined) throw new Error(node);
  return found.keys;
};
const meshPeers = async (node: string): Promise<readonly string[]> =>
  (await lab.exec(`${node}t`, ['wg', 'show', 'p44m', 'peers'])).stdout.split('\n').filter((line) => line !== '');
const links = async (node: string): Promise<string> => (await lab.exec(`${node}p`, ['ip', '-br', 'link'])).stdout;

test('an upstream that is deleted is gone from its node, and the internet goes by others; the last is kept [A4] [N7]', async () => {
  const protocols = async (node: string): Promise<string> =>
    (await lab.exec(`${node}p`, ['birdc', '-s', `/run/node/${node}/run/pop.bird.ctl`, 'show', 'protocols'])).stdout;
  // Ways that the internet has to a pool, by the nodes that announce it.
  const origins = async (): Promise<readonly string[]> => {
    const { stdout } = await lab.exec('inet', ['ip', '-4', 'route', 'show', '44.30.0.0/24']);
    return [...stdout.matchAll(/dev (p\dp)/g)].map(([, dev = '']) => dev).sort();
  };
  await client.at('p1').pools.createPool({ prefix: '44.30.0.0/24' });
  await eventually(async () => (await origins()).join() === 'p1p,p2p,p3p', 30_000);
  const { changed } = await client.at('p1').fabric.deleteUpstream({ upstream: 'p2-pop' });
  for await (const { pendingNodeIds } of client
    .at('p1')
    .status.waitApplied({ revision: changed?.revision ?? 0n }, { deadlineMs: 30_000 }))
    if (pendingNodeIds.length === 0) break;
  expect(await protocols('p2')).not.toContain('p2_pop');
  expect(await protocols('p1')).toContain('p1_pop');
  await eventually(async () => (await origins()).join() === 'p1p,p3p', 30_000);
  // Its own way out is that of another CORE now.
  const way = await lab.exec('p2p', ['ip', '-4', 'route', 'show', 'default', 'table', '4401']);
  expect(way.stdout).toMatch(/p44i-p[12]-p[23]/);
  await expect(client.at('p1').fabric.deleteUpstream({ upstream: 'p2-transport' })).rejects.toThrow(
    'is the last that hears of the endpoint 198.18.200.2, as node p2 announces it',
  );
}, 90_000);

test('a revoked node leaves the mesh and the interconnects of the others, and of nobody else [S6]', async () => {
  expect(new Set(await meshPeers('p1'))).toEqual(new Set([keysOf('p2').mesh.publicKey, keysOf('p3').mesh.publicKey]));
  expect(await links('p1')).toContain('p44i-p1-p3');
  // As below: p3 takes its etcd member with it.
  const revoked = { requestId: randomUUID() };
  await eventually(() => client.at('p1').trust.revokeNode({ node: 'p3', change: revoked }), 30_000);
  for (const [node, other] of [
    ['p1', 'p2'],
    ['p2', 'p1'],
  ] as const) {
    await eventually(async () => {
      expect(await meshPeers(node)).toEqual([keysOf(other).mesh.publicKey]);
      expect(await links(node)).not.toContain(`p44i-${node}-p3`);
      return true;
    }, 30_000);
  }
  expect(await links('p1')).toContain('p44i-p1-p2');
  // What is left goes on: a change is taken, and both have applied it.
  const change = { requestId: randomUUID() };
  // The node that was shut out took its etcd member with it: a commit on the way then may be uncertain, and is asked again.
  const { changed } = await eventually(
    () => client.at('p1').pools.createPool({ prefix: '44.31.0.0/22', change }),
    30_000,
  );
  const signal = AbortSignal.timeout(30_000);
  let pending: readonly string[] = ['nobody has answered'];
  const revision = changed?.revision ?? 0n;
  for await (const answer of client.at('p1').status.waitApplied({ revision }, { signal }))
    pending = answer.pendingNodeIds;
  expect(pending).toEqual([]);
  await expect(client.at('p2').fabric.createInterconnect({ nodeA: 'p1', nodeB: 'p3' })).rejects.toMatchObject({
    refusal: { refused: 'revoked' },
  });
}, 90_000);
