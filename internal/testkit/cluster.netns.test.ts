// What chaos and bench stand on: it comes up in seconds, and its parts can be taken away one by one.

import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { eventually } from './eventually.ts';

const directory = '/tmp/cluster';
let cluster: Cluster;

beforeAll(async () => {
  cluster = await raiseCluster({ directory, clock: realClock });
  await cluster.createFabric(['44.40.0.0/16', '2001:db8:4000::/40']);
});
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const revisionSeenBy = async (id: string): Promise<bigint> =>
  (await cluster.client({ node: id, deadlineMs: 500 }).status.getStatus({})).freshness?.revision ?? 0n;

test('every daemon takes changes, and every other hears of them', async () => {
  for (const { id } of cluster.nodes) {
    const client = cluster.client({ node: id });
    const { changed } = await client.pools.createPool({ prefix: `44.5${id.slice(1)}.0.0/16` });
    for (const other of cluster.nodes)
      await eventually(async () => (await revisionSeenBy(other.id)) >= (changed?.revision ?? 0n), 5_000);
  }
});

test('a daemon that is killed is gone and no death of its own; started again it answers', async () => {
  const { daemon } = cluster.node('p2');
  const pid = daemon.pid();
  await daemon.kill();
  expect(daemon.pid()).toBeUndefined();
  await expect(revisionSeenBy('p2')).rejects.toThrow('ECONNREFUSED');
  await daemon.start();
  await cluster.answering(10_000, ['p2']);
  expect(daemon.pid()).not.toBe(pid);
  expect(cluster.deaths()).toEqual([]);
});

test('a daemon that stands still answers nothing, and goes on afterwards', async () => {
  const { daemon } = cluster.node('p3');
  daemon.pause();
  await expect(revisionSeenBy('p3')).rejects.toThrow('Deadline exceeded');
  daemon.resume();
  await cluster.answering(10_000, ['p3']);
});

test('without a majority of etcd nothing is taken; with one again everything is', async () => {
  const [, second, third] = cluster.nodes;
  await Promise.all([second?.etcd.kill(), third?.etcd.kill()]);
  const impatient = cluster.client({ deadlineMs: 1_000 });
  await expect(impatient.pools.createPool({ prefix: '44.60.0.0/16' })).rejects.toThrow('Deadline exceeded');
  await Promise.all([second?.etcd.start(), third?.etcd.start()]);
  await cluster.answering(20_000);
  const { pools } = await cluster.client().pools.listPools({});
  await cluster.client().pools.createPool({ prefix: '44.61.0.0/16' });
  expect(pools.length).toBeGreaterThanOrEqual(5);
});

test('what ends by itself is told', async () => {
  const { daemon } = cluster.node('p1');
  process.kill(daemon.pid() ?? 0, 'SIGKILL');
  await eventually(() => cluster.deaths().length === 1, 5_000);
  expect(cluster.deaths()[0]).toMatch(/^p1-daemon: .*killed by SIGKILL$/);
  await daemon.start();
  await cluster.answering(10_000);
});
