// One CA follows another on a running cluster: nobody is locked out, and nothing that stands is closed.

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { type Client, openClient, readContext } from '#internal/client/client.ts';
import { run } from '#internal/exec/exec.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { eventually } from './eventually.ts';
import { nodeFiles } from './lab/node-files.ts';
import { programFile } from './programs.ts';

const directory = '/tmp/ca-cluster';
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
  for (const client of opened) client.close();
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const contextFile = join(directory, 'context.json');

async function node(name: 'pop44' | 'pop44d', args: readonly string[]) {
  return run({ file: process.execPath, args: [programFile(name), ...args], timeoutMs: startedMs, accept: [0, 1, 3] });
}

/** As an admin types it. */
async function pop44(line: string): Promise<string> {
  const {
    stdout,
    stderr,
    exitCode: code,
  } = await node('pop44', ['--context', contextFile, '--node', 'p1', ...line.split(' ')]);
  return `${code} ${stdout}${stderr}`;
}

/** With the files of the admin as they are when it is opened. */
let admin: Client;
const opened: Client[] = [];
function openAdmin(file = contextFile): Client {
  const client = openClient(readContext(file));
  opened.push(client);
  return client;
}

const listed = () =>
  admin
    .at('p1')
    .trust.listAuthorities({})
    .then(({ authorities }) => authorities);
const stateOf = async (id: string) => (await listed()).find(({ authority }) => authority?.id === id);
const refusal = (refused: string, ...obstacles: readonly string[]) => ({
  refusal: { refused, ...(obstacles.length > 0 && { obstacles: expect.arrayContaining([...obstacles]) }) },
});

/** Asked seldom: each answer is a handshake or two on a machine that starts daemons meanwhile. */
const soon = <T>(check: () => Promise<T>) =>
  eventually(async () => {
    const found = await check().catch(() => false as const);
    if (found === false) await realClock.sleep(200);
    return found;
  }, startedMs);

/** Every daemon answers and hears from every other one and from the store. */
const allWell = () =>
  soon(async () => {
    for (const { id } of cluster.nodes) {
      const { freshness } = await admin.at(id).status.getStatus({});
      const { nodes } = await admin.at(id).fabric.listNodes({});
      if (freshness?.stale !== false || !nodes.every(({ connected }) => connected)) return false;
    }
    return true;
  });

test('one CA follows another, and a node that was away at each step is not locked out [S6]', async () => {
  admin = openAdmin();
  const [first = ''] = (await listed()).map(({ authority }) => authority?.id ?? '');
  expect(await listed()).toMatchObject([{ signs: true, notTrustedBy: [] }]);

  // Made where the key of the first one is; the operator carries its key to the other node that signs.
  const made = await node('pop44d', ['new-ca', '--config', nodeFiles('p1').config, '--name', 'pop44 lab 2']);
  expect(made.stderr).toBe('');
  expect(made.stdout).not.toContain('PRIVATE');
  await writeFile(join(directory, 'next.pem'), made.stdout);
  await copyFile(nodeFiles('p1').caKey, nodeFiles('p2').caKey);

  await cluster.node('p3').daemon.kill();
  expect(await pop44(`ca add ${join(directory, 'next.pem')}`)).toMatch(/^0 CA [0-9a-f]{16} added/);
  const next = (await listed()).find(({ signs }) => !signs)?.authority?.id ?? '';
  await soon(async () => (await stateOf(next))?.notTrustedBy.join() === 'p3');
  const early = admin.at('p1').trust.useAuthority({ id: next });
  await expect(early).rejects.toMatchObject(refusal('not-ready', 'node p3 does not say that it trusts it'));

  await cluster.node('p3').daemon.start();
  await soon(async () => (await stateOf(next))?.notTrustedBy.length === 0);
  for (const { id } of cluster.nodes) expect(await readFile(nodeFiles(id).ca, 'utf8')).toContain(made.stdout.trim());

  // etcd trusts what was in the file when it started: whoever moved on now would be locked out of the store.
  await expect(admin.at('p1').trust.useAuthority({ id: next })).rejects.toMatchObject(
    refusal('not-ready', ...cluster.etcd.endpoints.map((url) => expect.stringContaining(url) as string)),
  );
  for (const { etcd } of cluster.nodes) {
    await etcd.stop();
    await etcd.start();
    await allWell();
  }
  expect(await pop44('ca trust')).toMatch(/^0 .*ca.pem has/s);
  admin = openAdmin();

  // It knows the next one and is away when that begins to sign. A connection of the one before stands all the while.
  await cluster.node('p3').daemon.kill();
  const standing = admin.at('p2');
  await standing.pools.createPool({ prefix: '44.41.0.0/16' });
  // An etcd that is slow to answer on a busy machine is in the way too.
  await soon(async () => /^0 CA [0-9a-f]{16} signs/.test(await pop44(`ca use ${next.slice(0, 16)}`)));
  await soon(async () => (await stateOf(next))?.usedBy.join() === 'p1,p2');
  await standing.pools.createPool({ prefix: '44.42.0.0/16' });
  const retire = () => admin.at('p1').trust.retireAuthority({ id: first });
  const caller = 'you call with a certificate of it (pop44 ca trust)';
  await expect(retire()).rejects.toMatchObject(
    refusal('in-use', 'node p3 has a certificate that it has not renewed yet', caller),
  );

  await cluster.node('p3').daemon.start();
  await soon(async () => (await stateOf(next))?.usedBy.join() === 'p1,p2,p3');
  await allWell();
  await expect(retire()).rejects.toMatchObject(refusal('in-use', caller));
  await mkdir(join(directory, 'old'), { recursive: true });
  for (const name of ['admin.pem', 'admin.key', 'ca.pem', 'context.json'])
    await copyFile(join(directory, name), join(directory, 'old', name));
  expect(await pop44('ca trust')).toMatch(/^0 .*admin.pem is of [0-9a-f]{16} now/s);
  admin = openAdmin();
  expect(await pop44(`ca retire ${first}`)).toMatch(/^0 CA [0-9a-f]{16} retired/);

  // Nobody trusts it: neither a connection that stands nor a new one.
  for (const { id } of cluster.nodes)
    await soon(
      async () => (await readFile(nodeFiles(id).ca, 'utf8')).trim() === `# retired ${first}\n${made.stdout}`.trim(),
    );
  await expect(standing.pools.createPool({ prefix: '44.43.0.0/16' })).rejects.toMatchObject(refusal('revoked'));
  const old = openAdmin(join(directory, 'old', 'context.json')).at('p1');
  await expect(old.pools.listPools({})).rejects.toMatchObject({ code: 'unavailable' });
  await admin.at('p3').pools.createPool({ prefix: '44.44.0.0/16' });

  // Started again, with nothing of the one before in any file.
  await Promise.all([cluster.node('p2').etcd.stop(), cluster.node('p2').daemon.stop()]);
  await Promise.all([cluster.node('p2').etcd.start(), cluster.node('p2').daemon.start()]);
  await allWell();
  expect(cluster.deaths()).toEqual([]);
}, 240_000);
