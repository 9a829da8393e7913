// One CA follows another on a running cluster: nobody is locked out, and nothing that stands is closed.

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openClient, readContext } from '#internal/client/client.ts';
import { run } from '#internal/exec/exec.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { nodeFiles } from './lab/node-files.ts';

const directory = '/tmp/ca-cluster';
const program = (name: string): string => fileURLToPath(new URL(`../../cmd/${name}/main.ts`, import.meta.url));
/** A loaded machine starts a daemon in seconds. */
const startedMs = 30_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await raiseCluster({ directory, clock: realClock });
  await cluster.createFabric(['44.40.0.0/16']);
  const { context } = cluster;
  await writeFile(
    contextFile,
    JSON.stringify({ ...context, ca: 'ca.pem', certificate: 'admin.pem', key: 'admin.key', file: undefined }),
  );
}, 60_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const contextFile = join(directory, 'context.json');

async function node(name: string, args: readonly string[]) {
  return run({ file: process.execPath, args: [program(name), ...args], timeoutMs: startedMs, accept: [0, 1, 3] });
}

/** As an admin types it. */
async function pop44(line: string): Promise<string> {
  const { stdout, stderr, exitCode: code } = await node('pop44', ['--context', contextFile, '--node', 'p1', ...line.split(' ')]);
  return `${code} ${stdout}${stderr}`;
}

/** With the files of the admin as they are now: a new connection. */
async function fresh<T>(work: (client: ReturnType<typeof openClient>) => Promise<T>, at = 'p1'): Promise<T> {
  const client = openClient(readContext(contextFile), { node: at });
  return work(client).finally(() => client.close());
}

const listed = () => fresh((client) => client.trust.listAuthorities({})).then(({ authorities }) => authorities);
const stateOf = async (id: string) => (await listed()).find(({ authority }) => authority?.id === id);

/** Every daemon answers and hears from every other one and from the store. */
async function allWell(): Promise<true> {
  await eventually(async () => {
    for (const { id } of cluster.nodes) {
      const { freshness } = await fresh((client) => client.status.getStatus({}), id);
      if (freshness?.stale !== false) return false;
      const { nodes } = await fresh((client) => client.fabric.listNodes({}), id);
      if (!nodes.every(({ connected }) => connected)) return false;
    }
    return true;
  }, startedMs);
  return true;
}

test('one CA follows another, and a node that was away at each step is not locked out [S6]', async () => {
  const [first] = (await listed()).map(({ authority }) => authority?.id ?? '');
  expect(await listed()).toMatchObject([{ signs: true, notTrustedBy: [] }]);

  // Made where the key of the first one is; the operator carries its key to the other node that signs.
  const config = nodeFiles('p1').config;
  const made = await node('pop44d', ['new-ca', '--config', config, '--name', 'pop44 lab 2']);
  expect(made.stderr).toBe('');
  expect(made.stdout).not.toContain('PRIVATE');
  await writeFile(join(directory, 'next.pem'), made.stdout);
  await copyFile(nodeFiles('p1').caKey, nodeFiles('p2').caKey);

  await cluster.node('p3').daemon.kill();
  expect(await pop44(`ca add ${join(directory, 'next.pem')}`)).toMatch(/^0 CA [0-9a-f]{16} added/);
  expect(await pop44(`ca add ${join(directory, 'next.pem')}`)).toMatch(/^3 .*already/s);
  const next = (await listed()).find(({ signs }) => !signs)?.authority?.id ?? '';
  await eventually(async () => (await stateOf(next))?.notTrustedBy.join() === 'p3', startedMs);
  expect(await pop44(`ca use ${next.slice(0, 16)}`)).toMatch(/^3 .*node p3 does not say that it trusts it/s);

  await cluster.node('p3').daemon.start();
  await eventually(async () => (await stateOf(next))?.notTrustedBy.length === 0, startedMs);
  for (const { id } of cluster.nodes) expect(await readFile(nodeFiles(id).ca, 'utf8')).toContain(made.stdout.trim());

  // etcd trusts what was in the file when it started: whoever moved on now would be locked out of the store.
  expect(await pop44(`ca use ${next}`)).toMatch(/^3 .*not trusted by every etcd.*https:/s);
  for (const { id, etcd } of cluster.nodes) {
    await etcd.stop();
    await etcd.start();
    await cluster.answering(startedMs, [id]);
  }
  await allWell();
  expect(await pop44('ca trust')).toMatch(/^0 .*ca.pem has/s);

  // It knows the next one and is away when that begins to sign. One call of each kind stands all the while.
  await cluster.node('p3').daemon.kill();
  const standing = cluster.client({ node: 'p2' });
  await standing.pools.createPool({ prefix: '44.41.0.0/16' });
  expect(await pop44(`ca use ${next}`)).toMatch(/^0 CA [0-9a-f]{16} signs/);
  await eventually(async () => (await stateOf(next))?.usedBy.join() === 'p1,p2', startedMs);
  await standing.pools.createPool({ prefix: '44.42.0.0/16' });
  expect(await pop44(`ca retire ${first}`)).toMatch(/^3 .*node p3 has a certificate.*you call with a certificate of it/s);

  await cluster.node('p3').daemon.start();
  await eventually(async () => (await stateOf(next))?.usedBy.join() === 'p1,p2,p3', startedMs);
  await allWell();
  await mkdir(join(directory, 'old'), { recursive: true });
  for (const name of ['admin.pem', 'admin.key', 'ca.pem', 'context.json'])
    await copyFile(join(directory, name), join(directory, 'old', name));
  expect(await pop44(`ca retire ${first}`)).toMatch(/^3 .*you call with a certificate of it/s);
  expect(await pop44('ca trust')).toMatch(/^0 .*admin.pem is of [0-9a-f]{16} now/s);
  expect(await pop44(`ca retire ${first}`)).toMatch(/^0 CA [0-9a-f]{16} retired/);

  // Nobody trusts it: neither a connection that stands nor a new one.
  for (const { id } of cluster.nodes) {
    await eventually(async () => (await readFile(nodeFiles(id).ca, 'utf8')).trim() === made.stdout.trim(), startedMs);
  }
  await expect(standing.pools.createPool({ prefix: '44.43.0.0/16' })).rejects.toMatchObject({
    refusal: { refused: 'revoked' },
  });
  const old = openClient(readContext(join(directory, 'old', 'context.json')), { node: 'p1' });
  await expect(old.pools.listPools({})).rejects.toMatchObject({ code: 'unavailable' });
  old.close();
  expect(await pop44('ca trust')).toMatch(/^0 .*ca.pem has [0-9a-f]{16}$/ms);
  await fresh((client) => client.pools.createPool({ prefix: '44.44.0.0/16' }), 'p3');
  await cluster.node('p2').etcd.stop();
  await cluster.node('p2').etcd.start();
  await cluster.node('p2').daemon.stop();
  await cluster.node('p2').daemon.start();
  await eventually(async () => (await fresh((client) => client.status.getStatus({}), 'p2')).freshness?.stale === false, startedMs);
  expect(cluster.deaths()).toEqual([]);
}, 240_000);
