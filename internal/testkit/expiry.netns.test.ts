// Certificates that end within half a minute: what renews itself goes on, what cannot stops without the data plane's noticing.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { certificateFacts } from '#internal/identity/identity.ts';
import { serveSeam, type Want } from '#internal/seam/seam.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { nodeFiles } from './lab/node-files.ts';
import { nodeDirectory } from './lab/places.ts';

const wallMs = (): number => realClock.wall().getTime();
const factsOf = async (id: string) => certificateFacts(await readFile(nodeFiles(id).certificate));

/** Until the wall clock is there, and a little more. */
const past = (end: Date, withinMs: number): Promise<unknown> =>
  eventually(async () => wallMs() > end.getTime() + 1_000, withinMs);

async function withCluster(
  options: object,
  work: (cluster: Cluster, directory: string) => Promise<void>,
): Promise<void> {
  const directory = `/tmp/expiry-${Math.random().toString(36).slice(2)}`;
  const cluster = await raiseCluster({ directory, clock: realClock, ...options });
  try {
    await work(cluster, directory);
  } finally {
    await cluster[Symbol.asyncDispose]();
    await rm(directory, { recursive: true, force: true });
  }
}

test('certificates renew themselves, and no stream and no call notices it [S6]', async () => {
  await withCluster({ certificateSeconds: 24 }, async (cluster, directory) => {
    await cluster.createFabric(['44.40.0.0/16']);
    const ids = cluster.nodes.map(({ id }) => id);
    const before = new Map<string, Awaited<ReturnType<typeof factsOf>>>();
    for (const id of ids) before.set(id, await factsOf(id));
    const lastEnd = new Date(Math.max(...[...before.values()].map(({ notAfter }) => notAfter.getTime())));
    const client = cluster.client({ node: 'p2' });
    const connected = async (): Promise<boolean> => {
      const { nodes } = await client.fabric.listNodes({});
      return nodes.every((node) => node.connected);
    };
    await eventually(connected, 20_000);

    let calls = 0;
    while (wallMs() < lastEnd.getTime() + 2_000) {
      expect(await connected()).toBe(true);
      await client.pools.createPool({ prefix: `44.${50 + Math.floor(calls / 250)}.${calls % 250}.0/24` });
      calls += 1;
      await realClock.sleep(200);
    }
    expect(calls).toBeGreaterThan(10);
    for (const id of ids) {
      const after = await factsOf(id);
      expect(after.notAfter.getTime()).toBeGreaterThan(lastEnd.getTime());
      expect(after.publicKeyHash).toEqual(before.get(id)?.publicKeyHash);
      const log = await readFile(join(directory, 'log', `${id}-daemon.log`), 'utf8');
      expect(log).toContain('certificate-renewed');
      expect(log).not.toContain('mesh-lost');
    }
    await cluster.answering(5_000);
    expect(cluster.deaths()).toEqual([]);
  });
}, 180_000);

test('when all have ended the control plane stops, and nothing is asked of the data plane [S6]', async () => {
  await withCluster({ certificateSeconds: 20, withoutAuthority: true }, async (cluster, directory) => {
    const wants: Want[] = [];
    const seam = await serveSeam(join(nodeDirectory('p1'), 'dataplane.sock'), {
      admits: async () => true,
      connected: (send) => send({ type: 'hello', accessPeers: 0 }),
      message: (want, answer) => {
        if (want.type !== 'want') return;
        wants.push(want);
        answer({ type: 'applied', number: want.number, revision: want.revision, failing: 0, failures: [] });
      },
    });
    try {
      await cluster.createFabric(['44.40.0.0/16']);
      const client = cluster.client({ node: 'p1', deadlineMs: 2_000 });
      const { changed } = await client.pools.createPool({ prefix: '44.41.0.0/16' });
      const applied = async (): Promise<boolean> => BigInt(wants.at(-1)?.revision ?? '0') >= (changed?.revision ?? 0n);
      await eventually(applied, 10_000);
      // The alarm is there before the end, for a person and for Prometheus.
      const { notAfter } = await factsOf('p1');
      await eventually(async () => {
        const { alarms } = await client.status.getStatus({});
        return alarms.some((alarm) => alarm.includes("this node's certificate ends at"));
      }, 40_000);
      const log = async (): Promise<string> => readFile(join(directory, 'log', 'p1-daemon.log'), 'utf8');
      await eventually(async () => (await log()).includes('certificate-ends-soon'), 10_000);
      await past(notAfter, 60_000);

      const said = wants.length;
      const impatient = cluster.client({ node: 'p2', deadlineMs: 2_000 });
      await expect(impatient.pools.createPool({ prefix: '44.42.0.0/16' })).rejects.toMatchObject({
        code: 'unavailable',
      });
      expect(wants.length).toBe(said);
      // Started anew, it begins with the last good snapshot, and wants what it wanted.
      const held = new Set(wants.flatMap(({ put }) => put.map(([kind, value]) => JSON.stringify([kind, value]))));
      await cluster.node('p1').daemon.kill();
      await cluster.node('p1').daemon.start();
      await eventually(async () => wants.length > said, 20_000);
      const [again] = wants.slice(said);
      expect(again?.whole).toBe(true);
      expect(again?.remove).toEqual([]);
      expect(again?.put.length).toBeGreaterThan(0);
      for (const [kind, value] of again?.put ?? []) expect(held).toContain(JSON.stringify([kind, value]));
      expect(await log()).not.toContain('brake-holds');
      expect(cluster.deaths()).toEqual([]);
    } finally {
      await seam.close();
    }
  });
}, 180_000);
