// Each kind of fault does what its name says, and leaves nothing behind.

import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { type Cluster, raiseCluster } from '#internal/testkit/cluster.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { startStopwatch } from '#internal/testkit/stopwatch.ts';
import { skippedWithoutTools, toolPath } from '#internal/testkit/tools.ts';
import { etcdLeader, type FaultKind } from './fault.ts';
import { etcdLeaderOf } from './etcdctl.ts';
import { beginFault, healAll } from './fault-begin.ts';
import { runFaults } from './fault-run.ts';

const directory = '/tmp/faults';
const toxiproxy = toolPath('toxiproxy-server');
let cluster: Cluster;

beforeAll(async () => {
  cluster = await raiseCluster({ directory, clock: realClock, ...(toxiproxy !== undefined && { toxiproxy }) });
  await cluster.createFabric(['44.40.0.0/16']);
});
afterEach(() => healAll(cluster, 20_000));
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

/** Milliseconds: what is whole needs 20. */
const soon = 700;
const comesBackWithinMs = 15_000;

/** A question to a node's member of etcd, past the proxy. */
async function etcdAnswers(id: string): Promise<void> {
  const endpoints = [`https://[${cluster.node(id).address}]:2379`];
  const etcd = openEtcd({ endpoints, tls: cluster.etcd.tls, clock: realClock, deadlineMs: soon });
  await etcd.header().finally(() => etcd.close());
}
const daemonAnswers = (id: string) => cluster.client({ node: id, deadlineMs: soon }).status.getStatus({});
const works = (asked: Promise<unknown>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );

test.each<readonly [FaultKind, { readonly daemon: boolean; readonly etcd: boolean }]>([
  ['daemon-kill', { daemon: false, etcd: true }],
  ['daemon-stop', { daemon: false, etcd: true }],
  ['daemon-freeze', { daemon: false, etcd: true }],
  ['etcd-kill', { daemon: true, etcd: false }],
  ['etcd-freeze', { daemon: true, etcd: false }],
])('%s: of the node it leaves %o, of the others everything', async (kind, left) => {
  const heal = await beginFault(kind, 'p1', { cluster, clock: realClock });
  expect({ daemon: await works(daemonAnswers('p1')), etcd: await works(etcdAnswers('p1')) }).toEqual(left);
  await daemonAnswers('p2');
  await eventually(() => etcdAnswers('p2').then(() => true), comesBackWithinMs);
  await heal();
  await eventually(
    () =>
      daemonAnswers('p1')
        .then(() => etcdAnswers('p1'))
        .then(() => true),
    comesBackWithinMs,
  );
});

/** Whether a new connection from one node to a port of another comes to stand within 0.3 s. */
async function reaches(from: string, to: string, port: number): Promise<boolean> {
  const argv = ['timeout', '0.3', 'bash', '-c', `: < /dev/tcp/${cluster.node(to).address}/${port}`];
  return (await cluster.exec(from, argv, { accept: [0, 1, 124] })).exitCode === 0;
}

/** What p1 reaches of p2, and of itself, and what of it p2 reaches. */
async function ways(): Promise<readonly string[]> {
  const all = [
    ['etcd', 'p1', 'p2', cluster.daemonsEtcdPort],
    ['own etcd', 'p1', 'p1', cluster.daemonsEtcdPort],
    ['peer', 'p1', 'p2', 2380],
    ['mesh', 'p1', 'p2', cluster.daemonsApiPort],
    ['etcd, by p2', 'p2', 'p1', cluster.daemonsEtcdPort],
    ['peer, by p2', 'p2', 'p1', 2380],
    ['mesh, by p2', 'p2', 'p1', cluster.daemonsApiPort],
  ] as const;
  const found = await Promise.all(
    all.map(async ([name, from, to, port]) => ((await reaches(from, to, port)) ? [name] : [])),
  );
  return found.flat();
}

const whole = ['etcd', 'own etcd', 'peer', 'mesh', 'etcd, by p2', 'peer, by p2', 'mesh, by p2'];

test.each<readonly [FaultKind, readonly string[]]>([
  ['cut-client', ['peer', 'mesh', 'etcd, by p2', 'peer, by p2', 'mesh, by p2']],
  ['cut-peer', ['etcd', 'own etcd', 'mesh', 'etcd, by p2', 'mesh, by p2']],
  ['cut-mesh', ['etcd', 'own etcd', 'peer', 'etcd, by p2', 'peer, by p2']],
  ['cut-all', ['own etcd']],
  ['cut-in', ['own etcd']],
  ['cut-out', ['own etcd']],
])('%s leaves open %o, and the admin an answer', async (kind, open) => {
  const heal = await beginFault(kind, 'p1', { cluster, clock: realClock });
  expect(await ways()).toEqual(open);
  await daemonAnswers('p1');
  await heal();
  await eventually(async () => expect(await ways()).toEqual(whole), comesBackWithinMs);
});

test('packet-loss loses some packets of a daemon, and what it says comes through', async () => {
  const heal = await beginFault('packet-loss', 'p1', { cluster, clock: realClock });
  const lost = async (): Promise<number> => {
    const { stdout } = await cluster.exec('p1', ['nft', 'list', 'table', 'inet', 'packet_loss']);
    return [...stdout.matchAll(/packets (\d+)/g)].reduce((sum, [, packets]) => sum + Number(packets), 0);
  };
  // The mesh speaks each second.
  await eventually(async () => (await lost()) > 3, comesBackWithinMs);
  await daemonAnswers('p1');
  await heal();
  await eventually(async () => expect(await ways()).toEqual(whole), comesBackWithinMs);
});

test('etcd-leader-kill makes another member lead', async () => {
  const leader = await etcdLeaderOf(cluster);
  await beginFault('etcd-leader-kill', leader, { cluster, clock: realClock });
  const next = await eventually(() => etcdLeaderOf(cluster), comesBackWithinMs);
  expect(next).not.toBe(leader);
});

test('lease-revoked ends the session of a daemon, which comes back with another', async () => {
  const etcd = openEtcd({ ...cluster.etcd, clock: realClock });
  const sessions = async () => (await etcd.list('/pop44/election/v1/session/')).entries.map(({ key }) => key);
  const before = await eventually(async () => ((await sessions()).length === 3 ? sessions() : undefined), 10_000);
  await beginFault('lease-revoked', 'p2', { cluster, clock: realClock });
  expect((await sessions()).filter((key) => before.includes(key))).toHaveLength(2);
  await eventually(async () => (await sessions()).length === 3, 10_000);
  etcd.close();
});

/** Milliseconds until an answer of etcd has come whole through the proxy, over a connection of its own. */
async function fetchMs(id: string, path: '/version' | '/metrics'): Promise<number> {
  using watch = startStopwatch();
  const { tls } = cluster.etcd;
  const [ca, cert, key] = [tls.ca, tls.certificate, tls.key].map((pem) => Buffer.from(pem));
  const options = { host: cluster.node(id).address, port: cluster.daemonsEtcdPort, path, ca, cert, key, agent: false };
  const signal = AbortSignal.timeout(5_000);
  const [answer] = (await once(get({ ...options, signal }), 'response')) as [IncomingMessage];
  for await (const _ of answer);
  return watch.ms();
}

test.for<readonly [FaultKind, 'slow' | 'broken']>([
  ['toxic-latency', 'slow'],
  ['toxic-bandwidth', 'slow'],
  ['toxic-slicer', 'slow'],
  ['toxic-reset', 'broken'],
  ['toxic-timeout', 'broken'],
  ['toxic-limit', 'broken'],
])('%s makes the way to a member %s, and no other', async ([kind, way], ctx) => {
  if (toxiproxy === undefined) return ctx.skip(skippedWithoutTools());
  // 3 kB with the handshake, and 60 kB: a limit lets the first through.
  const path = way === 'slow' ? '/version' : '/metrics';
  const usual = await fetchMs('p1', path);
  const heal = await beginFault(kind, 'p1', { cluster, clock: realClock });
  if (way === 'slow') expect(await fetchMs('p1', path)).toBeGreaterThan(usual);
  else await expect(fetchMs('p1', path)).rejects.toThrow(/ECONNRESET|hang up|aborted|timeout/);
  expect(await fetchMs('p2', path)).toBeLessThan(3 * usual + 500);
  await heal();
  await eventually(() => fetchMs('p1', path), comesBackWithinMs);
});

test('a run carries out what it can beside each other, says what it could not, and heals all', async () => {
  const told: string[] = [];
  const done = await runFaults(
    cluster,
    [
      { kind: 'daemon-kill', target: 'p1', at: 100, durationMs: 800 },
      { kind: 'daemon-kill', target: 'p9', at: 200, durationMs: 800 },
      { kind: 'etcd-leader-kill', target: etcdLeader, at: 0, durationMs: 1_000 },
      { kind: 'cut-mesh', target: 'p2', at: 300, durationMs: 400 },
    ],
    { clock: realClock, onFault: (fault) => told.push(`${'healedAt' in fault ? 'over' : 'begins'} ${fault.kind}`) },
  );
  const [leader, killed, impossible, cut] = done;
  expect(leader?.target).toMatch(/^p[123]$/);
  expect(killed).toMatchObject({ kind: 'daemon-kill', target: 'p1' });
  expect((killed?.healedAt ?? 0) - (killed?.at ?? 0)).toBeGreaterThanOrEqual(800);
  expect(impossible?.problem).toContain('no node p9');
  expect(cut?.healedAt).toBeLessThan(killed?.healedAt ?? 0);
  expect(told.filter((line) => line.startsWith('over'))).toHaveLength(4);
  expect(done.filter(({ problem }) => problem !== undefined)).toHaveLength(1);
  await Promise.all(cluster.nodes.map(({ id }) => daemonAnswers(id)));
  expect(await ways()).toEqual(whole);
});

test('a run that is broken off heals what it has begun and leaves the rest', async () => {
  const broken = new AbortController();
  const done = await runFaults(
    cluster,
    [
      { kind: 'daemon-freeze', target: 'p1', at: 0, durationMs: 600_000 },
      { kind: 'daemon-kill', target: 'p2', at: 500_000, durationMs: 1_000 },
    ],
    { clock: realClock, signal: broken.signal, onFault: () => broken.abort(new Error('enough')) },
  );
  expect(done.map(({ kind }) => kind)).toEqual(['daemon-freeze']);
  await daemonAnswers('p1');
});
