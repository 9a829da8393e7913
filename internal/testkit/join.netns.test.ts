// Joining, renewing and shutting out, on a running cluster: its daemons are as an operator would start them.

import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openClient } from '#internal/client/client.ts';
import { parseConfig } from '#internal/config/config.ts';
import { run } from '#internal/exec/exec.ts';
import { LeaderService } from '#internal/gen/pop44/v1/leader_pb.ts';
import { MeshService } from '#internal/gen/pop44/v1/mesh_pb.ts';
import { StatusService } from '#internal/gen/pop44/v1/status_pb.ts';
import { TrustService } from '#internal/gen/pop44/v1/trust_pb.ts';
import { createRequest, readTicket, ticketText } from '#internal/identity/identity.ts';
import { askToJoin } from '#internal/join/join.ts';
import { clientCredentials, connect, type Identity, serverNameOf } from '#internal/rpc/rpc.ts';
import { type Cluster, raiseCluster } from './cluster.ts';
import { type ClusterProcess, clusterProcess } from './cluster-process.ts';
import { eventually } from './eventually.ts';
import { netnsFile, nodeDirectory } from './lab/places.ts';
import { programFile } from './programs.ts';
import { popRequest, publicKey } from './requests.ts';

const directory = '/tmp/join-cluster';
const pop44d = programFile('pop44d');
/** A loaded machine starts a daemon in seconds. */
const startedMs = 30_000;

let cluster: Cluster;
let fourth: ClusterProcess | undefined;

beforeAll(async () => {
  cluster = await raiseCluster({ directory, clock: realClock, spare: true });
  await cluster.createFabric([]);
  await cluster.client().fabric.createPop({ pop: popRequest(4) });
}, 60_000);
afterAll(async () => {
  await fourth?.kill();
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const wanted = {
  id: 'p4',
  popId: 'p4',
  loopback4: '198.19.0.4',
  loopback6: '2001:db8:2::4',
  underlay4: '198.18.4.3',
};

async function newTicket(node: object = {}): Promise<string> {
  const secret = randomBytes(32);
  const secretHash = createHash('sha256').update(secret).digest();
  const { token, authorityHash, addresses } = await cluster
    .client({ node: 'p1' })
    .trust.createJoinToken({ node: { ...wanted, ...node }, secretHash });
  const tokenId = token?.id ?? '';
  return ticketText({
    nodeId: token?.node?.id ?? '',
    tokenId,
    secret,
    authorityHash: Buffer.from(authorityHash),
    addresses,
  });
}

const refused = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'granted',
    (thrown: { refusal?: { refused: string }; code?: string }) => thrown.refusal?.refused ?? thrown.code,
  );

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) void _;
}

async function ask(text: string, change: object = {}): Promise<unknown> {
  const ticket = readTicket(text);
  if (ticket === undefined) throw new Error('no ticket');
  const { der } = await createRequest(ticket.nodeId);
  return refused(
    askToJoin(ticket, {
      ...{ tokenId: ticket.tokenId, secret: ticket.secret, nodeId: ticket.nodeId, certificateRequest: der },
      ...{
        meshPublicKey: publicKey(),
        interconnectPublicKey: publicKey(),
        requestId: `r-${randomBytes(8).toString('hex')}`,
      },
      ...change,
    }),
  );
}

const at = (name: string): string => join(nodeDirectory('p4'), name);

async function identityOf(dir: string): Promise<Identity> {
  const text = (name: string) => readFile(join(dir, name), 'utf8');
  return { ca: await text('ca.pem'), certificate: await text('node.pem'), key: await text('node.key') };
}

async function joinByProgram(token: string) {
  await mkdir(nodeDirectory('p4'), { recursive: true });
  await writeFile('/run/node/p4.token', `${token}\n`, { mode: 0o600 });
  return run({
    file: process.execPath,
    args: [
      ...[pop44d, 'join', '--token-file', '/run/node/p4.token', '--dir', nodeDirectory('p4')],
      ...['--state-dir', at('state'), '--run-dir', at('run'), '--made-keys-dir', at('made')],
      ...['--netns-transport', netnsFile('p4t'), '--netns-pop', netnsFile('p4p')],
    ],
    netns: netnsFile('p4t'),
    timeoutMs: startedMs,
    accept: [0, 1],
  });
}

test('a daemon without the key of the CA says where it is [S6]', async () => {
  const secretHash = new Uint8Array(32);
  const answer = cluster.client({ node: 'p3' }).trust.createJoinToken({ node: wanted, secretHash });
  await expect(answer).rejects.toMatchObject({
    refusal: { refused: 'not-ready', cure: expect.stringContaining('"ca"') },
  });
});

test('what does not fit the token is refused, and the token is as good as before [S6]', async () => {
  const token = await newTicket();
  expect(await ask(token, { secret: randomBytes(32) })).toBe('unauthenticated');
  expect(await ask(token, { tokenId: '0'.repeat(16) })).toBe('unauthenticated');
  expect(await ask(token, { nodeId: 'p3' })).toBe('invalid');
  expect(await ask(token, { certificateRequest: randomBytes(300) })).toBe('invalid');
  expect(await ask(token, { certificateRequest: randomBytes(2_500) })).toBe('invalid');
  // More than the port reads: it hears nothing of it.
  expect(await ask(token, { certificateRequest: randomBytes(9_000) })).toBe('join');
  expect(await ask(token, { meshPublicKey: 'x' })).toBe('invalid');
  const snapshot = await cluster.client().fabric.listNodes({});
  expect(snapshot.nodes.map(({ node }) => node?.id)).toEqual(['p1', 'p2', 'p3']);
  const { tokens } = await cluster.client().trust.listJoinTokens({});
  expect(tokens.every(({ usedAt }) => usedAt === undefined)).toBe(true);
}, 60_000);

test('a secret is sent to no network but the one whose CA the token names [S6]', async () => {
  const ticket = readTicket(await newTicket());
  expect(ticket).toBeDefined();
  if (ticket === undefined) return;
  expect(await ask(ticketText({ ...ticket, authorityHash: randomBytes(32) }))).toBe('join');
});

test('a fourth machine joins by a token, follows the store, and the others learn it [S6]', async () => {
  const token = await newTicket();
  const { stdout, stderr } = await joinByProgram(token);
  expect(stderr).toBe('');
  expect(stdout).toContain('node p4 of PoP p4 has joined');
  const config = parseConfig(await readFile(at('node.json'), 'utf8'));
  expect(config).toMatchObject({ nodeId: 'p4', mesh: { address: 'fd44:44::4', port: 51_844 } });
  expect(config.mesh.peers.map(({ address }) => address)).toEqual(['fd44:44::1', 'fd44:44::2', 'fd44:44::3']);
  for (const name of ['tls/node.key', 'mesh.wgkey', 'interconnect.wgkey'])
    expect((await stat(at(name))).mode & 0o777, name).toBe(0o600);
  // Not again, by this machine or another.
  expect(await ask(token)).toBe('used');

  fourth = clusterProcess('p4-daemon', join(directory, 'log', 'p4-daemon.log'), {
    file: process.execPath,
    args: [pop44d, 'run', '--config', at('node.json')],
    netns: netnsFile('p4t'),
  });
  await fourth.start();
  const context = {
    ...cluster.context,
    daemons: [{ node: 'p4', address: `[${config.mesh.address}]:${config.api.port}` }],
  };
  const client = openClient(context);
  try {
    await eventually(async () => (await client.status.getStatus({})).freshness?.stale === false, startedMs);
    // Its mesh streams are up at both ends, and what another commits it hears.
    await eventually(async () => {
      const { nodes } = await cluster.client({ node: 'p1' }).fabric.listNodes({});
      return nodes.find(({ node }) => node?.id === 'p4')?.connected === true;
    }, startedMs);
    await cluster.client({ node: 'p2' }).pools.createPool({ prefix: '44.70.0.0/16' });
    await eventually(async () => (await client.pools.listPools({})).pools.length === 1, startedMs);
  } finally {
    client.close();
  }
}, 120_000);

test('a node that was revoked is cut off with a certificate that is valid, and may come back by a new token [S6]', async () => {
  const [p1] = cluster.nodes;
  const address = `[${p1?.address}]:4440`;
  const credentials = clientCredentials(await identityOf(at('tls')));
  const options = { serverName: serverNameOf('p1'), deadlineMs: 5_000 };
  const status = connect(StatusService, address, credentials, options);
  const mesh = connect(MeshService, address, credentials, options);
  const leader = connect(LeaderService, address, credentials, options);
  try {
    expect(await refused(status.call.getStatus({}))).toBe('granted');
    // A stream on which it never says a word.
    const heard = refused(drain(status.call.waitApplied({ revision: 1n << 60n }, { deadlineMs: startedMs })));
    const { changed } = await cluster.client({ node: 'p1' }).trust.revokeNode({ node: 'p4' });
    expect(await heard).toBe('revoked');
    expect(await refused(status.call.getStatus({}))).toBe('revoked');
    const silence = (async function* (): AsyncGenerator<never> {})();
    expect(await refused(drain(mesh.call.stream(silence)))).toBe('revoked');
    expect(await refused(drain(leader.call.forward(silence)))).toBe('revoked');
    await eventually(async () => {
      const { nodes } = await cluster.client({ node: 'p1' }).fabric.listNodes({});
      return nodes.find(({ node }) => node?.id === 'p4')?.connected !== true;
    }, startedMs);
    expect(changed?.revision).toBeGreaterThan(0n);
    await fourth?.kill();

    // Another machine under the same name: the first one's certificate is still valid, and nobody's.
    await rm(nodeDirectory('p4'), { recursive: true });
    const { stdout } = await joinByProgram(await newTicket());
    expect(stdout).toContain('node p4 of PoP p4 has joined');
    const again = connect(StatusService, address, clientCredentials(await identityOf(at('tls'))), options);
    await eventually(async () => (await refused(again.call.getStatus({}))) === 'granted', startedMs);
    again.close();
    expect(await refused(status.call.getStatus({}))).toBe('unauthenticated');
  } finally {
    for (const connection of [status, mesh, leader]) connection.close();
  }
}, 120_000);

test('a certificate is renewed for the node that calls and its key, by whoever holds the key of the CA [S6]', async () => {
  const identity = await identityOf(nodeDirectory('p3'));
  const ask3 = (node: string, who: Identity) => {
    const connection = connect(TrustService, `[${cluster.node(node).address}]:4440`, clientCredentials(who), {
      serverName: serverNameOf(node),
    });
    return connection.call.renewCertificate({}).finally(() => connection.close());
  };
  const answer = await ask3('p2', identity);
  const [before, after] = [String(identity.certificate), answer.certificate].map((pem) => new X509Certificate(pem));
  expect(after?.subjectAltName).toBe(before?.subjectAltName);
  expect(after?.publicKey.equals(before?.publicKey as never)).toBe(true);
  expect(after?.validToDate.getTime()).toBeGreaterThan(before?.validToDate.getTime() ?? 0);
  expect(await refused(ask3('p3', identity))).toBe('not-ready');
  const { certificates } = await cluster.client({ node: 'p2' }).trust.listCertificates({});
  expect(certificates.map(({ nodeId }) => nodeId)).toContain('p3');
  const text = (name: string) => readFile(join(directory, name), 'utf8');
  const admin = { ca: await text('ca.pem'), certificate: await text('admin.pem'), key: await text('admin.key') };
  expect(await refused(ask3('p2', admin))).toBe('forbidden');
});
