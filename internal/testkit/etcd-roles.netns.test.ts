// etcd with its roles on, as the manual sets them up: a node's certificate says who it is there too.

import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { recordKinds } from '#internal/model/record.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { serveSeam } from '#internal/seam/seam.ts';
import { eventually } from './eventually.ts';
import { newWgKeyPair, nodeFiles } from './lab/node-files.ts';
import { nodeDirectory } from './lab/places.ts';

const directory = '/tmp/etcd-roles';
let cluster: Cluster;
beforeAll(async () => {
  cluster = await raiseCluster({ directory, clock: realClock });
  await cluster.createFabric(['44.40.0.0/16']);
}, 60_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** As a node, with its certificate. */
const etcdctl = async (node: string, ...args: readonly string[]): Promise<string> => {
  const files = nodeFiles(node);
  const endpoint = `https://[${cluster.node(node).address}]:2379`;
  const tls = ['--cacert', files.ca, '--cert', files.certificate, '--key', files.key, '--endpoints', endpoint];
  const { stdout, stderr } = await cluster.exec(node, ['env', 'ETCDCTL_API=3', 'etcdctl', ...tls, ...args], {
    accept: [0, 1],
  });
  return stdout + stderr;
};

const manual = await readFile(new URL('../../docs/operating.md', import.meta.url), 'utf8');
/** Lines of the manual, p1 and p2 being nodes of COREs and p3 of a REGIONAL. */
const lines = Array.from(manual.matchAll(/^etcdctl (.*)$/gm), ([, line = '']) => line.split(' ')).filter(
  ([noun]) => noun !== 'member',
);

test('the manual names every kind of record that a REGIONAL writes [S6]', () => {
  const granted = new Set(lines.flatMap((words) => /^\/pop44\/v1\/(\w+)\/$/.exec(words.at(-1) ?? '')?.[1] ?? []));
  const withheld = new Set(['node', 'jointoken', 'certificate', 'authority']);
  expect(recordKinds.filter((kind) => !granted.has(kind) && !withheld.has(kind))).toEqual([]);
});

test('with roles on, daemons of both kinds go on; a REGIONAL may not write what is not its own [S6]', async () => {
  for (const words of lines) {
    const said = await etcdctl('p1', ...words.map((word) => word.replaceAll("'", '')));
    expect(said, words.join(' ')).not.toMatch(/Error/);
  }
  for (const { id } of cluster.nodes) {
    const client = cluster.client({ node: id });
    const owner = `ada-${id}`;
    const { allocations } = await client.allocations.allocate({ owner, wishes: [{ family: 4, length: 32 }] });
    expect(allocations.length).toBe(1);
  }
  expect(await etcdctl('p3', 'put', '/pop44/v1/certificate/p1', 'x')).toContain('permission denied');
  expect(await etcdctl('p3', 'put', '/pop44/v1/authority/x', 'x')).toContain('permission denied');
  expect(await etcdctl('p3', 'put', '/pop44/v1/node/p1', 'x')).toContain('permission denied');
  expect(await etcdctl('p3', 'put', '/elsewhere', 'x')).toContain('permission denied');
  expect(await etcdctl('p3', 'get', '--prefix', '/pop44/people/')).toContain('permission denied');
  expect(await etcdctl('p3', 'user', 'list')).toContain('permission denied');
  // Its own audit and no other's: nor where chains begin, by which what was cut off would pass for trimmed.
  for (const folder of ['', 'v1/trimmed/', 'v1/heads/', 'v1/audit/', 'v1/audit/p1/'])
    expect(await etcdctl('p3', 'get', '--prefix', `/pop44/log/${folder}`), folder).toContain('permission denied');
  for (const key of ['trimmed/p1/x', 'heads/p1/x', 'audit/p1/x', 'x'])
    expect(await etcdctl('p3', 'put', `/pop44/log/v1/${key}`, 'x'), key).toContain('permission denied');
  // What no leader decides it commits itself.
  await cluster.client({ node: 'p3' }).pools.setQuota({ owner: 'ada-p3', limit4: 9n });
  expect(await etcdctl('p3', 'get', '--prefix', '--keys-only', '/pop44/log/v1/audit/p3/')).toContain('/audit/p3/');
  expect((await cluster.client({ node: 'p1' }).audit.verifyAudit({})).problems).toEqual([]);
  // A daemon that starts under roles follows, leads and answers.
  await cluster.node('p3').daemon.kill();
  await cluster.node('p3').daemon.start();
  await cluster.answering(20_000);
}, 120_000);

test('a REGIONAL rotates its interconnect key with the help of a daemon that may write its record [T6] [S6]', async () => {
  const client = cluster.client({ node: 'p1' });
  const nextKey = newWgKeyPair().publicKey;
  // In place of the privileged half, which a cluster has not: every session of a second link is there.
  const established = (await client.fabric.listInterconnects({})).interconnects.flatMap(({ id }) =>
    [4, 6].map((family) => `p44j_${id.replaceAll('-', '_')}_${family}`),
  );
  const half = await serveSeam(`${nodeDirectory('p3')}/dataplane.sock`, {
    admits: async () => true,
    connected: () => undefined,
    message: (message, answer) => {
      const { type } = message;
      if (type === 'ask-interconnect-key')
        answer({ type: 'interconnect-key', number: message.number, publicKey: nextKey, problem: '' });
      if (type === 'ask-sessions') answer({ type: 'sessions', number: message.number, established });
    },
  });
  try {
    await client.fabric.rotateInterconnectKey({ node: 'p3' });
    await eventually(async () => {
      const { nodes } = await client.fabric.listNodes({});
      const node = nodes.find((each) => each.node?.id === 'p3')?.node;
      return node?.interconnectPublicKey === nextKey && node.interconnectKeyAge?.generation === 1;
    }, 40_000);
  } finally {
    await half.close();
  }
}, 60_000);
