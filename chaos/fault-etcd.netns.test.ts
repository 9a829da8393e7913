// Faults of members, of the store and of clocks do what their names say, and leave nothing behind.

import { rm } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openEtcd } from '#internal/etcd/etcd.ts';
import { type Cluster, raiseCluster } from '#internal/testkit/cluster.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { etcdctl, etcdLeaderOf, membersOf } from './etcdctl.ts';
import { poisonMark } from './event-log.ts';
import { type FaultKind, faultTable } from './fault.ts';
import { beginFault, type Heal, healAll } from './fault-begin.ts';
import { faketimePath, whyNoFaketime } from './fault-clock.ts';
import { noise } from './fault-noise.ts';

const directory = '/tmp/faults';
const faketime = faketimePath();
let cluster: Cluster;
let revision = 0n;

beforeAll(async () => {
  cluster = await raiseCluster({
    directory,
    clock: realClock,
    etcdDiskBytes: 1024 ** 3,
    ...(faketime && { faketime }),
  });
  await cluster.createFabric(['44.40.0.0/16']);
});
afterEach(() => healAll(cluster, 20_000));
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const begin = (kind: FaultKind, target: string): Promise<Heal> =>
  beginFault(kind, target, { cluster, clock: realClock, recorded: () => revision });
const within = 20_000;
let pools = 0;
const writes = () => cluster.client({ deadlineMs: 3_000 }).pools.createPool({ prefix: `44.41.${(pools += 1)}.0/24` });
const at = (node: string) => cluster.client({ node, deadlineMs: 1_000 });

test('etcd-leader-move makes the member of the target lead', async () => {
  const leader = await etcdLeaderOf(cluster);
  const target = cluster.nodes.find(({ id }) => id !== leader)?.id ?? '';
  await begin('etcd-leader-move', target);
  expect(await eventually(() => etcdLeaderOf(cluster), within)).toBe(target);
});

test('etcd-wipe takes away all that a member knew; it comes back as another that votes', async () => {
  const [before] = (await membersOf(cluster)).filter(({ name }) => name === 'p2');
  const heal = await begin('etcd-wipe', 'p2');
  await eventually(writes, within);
  await heal();
  const [after] = (await membersOf(cluster)).filter(({ name }) => name === 'p2');
  expect(after?.id).not.toBe(before?.id);
  expect(after?.learner).toBe(false);
  await eventually(writes, within);
});

test('etcd-no-space has every write refused until it is over', async () => {
  const heal = await begin('etcd-no-space', 'p3');
  const alarmed = async (): Promise<boolean> => {
    // The first that its member takes raises the alarm.
    await etcdctl(cluster, ['put', '/pop44/chaos/space', 'x'], {
      endpoints: [cluster.etcd.endpoints[2] ?? ''],
      accept: [0, 1],
    });
    return (await etcdctl(cluster, ['alarm', 'list'], { accept: [0, 1] })).includes('NOSPACE');
  };
  await eventually(alarmed, within);
  await expect(writes()).rejects.toThrow(/nothing was changed|may have been/);
  await heal();
  await eventually(writes, within);
  expect(await etcdctl(cluster, ['alarm', 'list'])).toBe('');
});

test('etcd-full-disk ends a member, and that is no death of its own', async () => {
  const heal = await begin('etcd-full-disk', 'p1');
  await eventually(async () => {
    await writes().catch(() => undefined);
    return cluster.node('p1').etcd.pid() === undefined;
  }, 40_000);
  await heal();
  await eventually(writes, within);
  expect(cluster.deaths()).toEqual([]);
}, 90_000);

test('compaction cuts off what a daemon has not read, and it has all of it nevertheless', async () => {
  const heal = await begin('compaction', 'p2');
  await eventually(async () => (await at('p2').status.getStatus({})).freshness?.stale === true, within);
  await writes();
  const { changed } = await writes();
  revision = changed?.revision ?? 0n;
  await heal();
  const etcd = openEtcd({ ...cluster.etcd, clock: realClock });
  await expect(etcd.list('/pop44/', { revision: revision - 1n })).rejects.toThrow('compacted');
  etcd.close();
  await eventually(async () => ((await at('p2').status.getStatus({})).freshness?.revision ?? 0n) >= revision, within);
});

test('cut-bridge keeps two nodes from each other, and the one between hears both', async () => {
  const heal = await begin('cut-bridge', 'p2');
  const reaches = async (from: string, to: string): Promise<boolean> => {
    const argv = ['timeout', '0.5', 'bash', '-c', `: < /dev/tcp/${cluster.node(to).address}/${cluster.daemonsApiPort}`];
    return (await cluster.exec(from, argv, { accept: [0, 1, 124] })).exitCode === 0;
  };
  const ways = [
    await reaches('p1', 'p3'),
    await reaches('p1', 'p2'),
    await reaches('p3', 'p2'),
    await reaches('p3', 'p1'),
  ];
  expect(ways).toEqual([false, true, true, false]);
  await heal();
  expect(await eventually(() => reaches('p1', 'p3'), within)).toBe(true);
});

test('poison is kept out and told, and gone when it is over', async () => {
  const heal = await begin('poison', 'p1');
  const told = async () => (await at('p3').status.getStatus({})).quarantinedKeys;
  await eventually(async () => (await told()).includes(`/pop44/v1/tunnel/${poisonMark}`), within);
  await writes();
  await heal();
  await eventually(async () => (await told()).length === 0, within);
});

test('garbage makes noise at a daemon, which answers whoever speaks its language', async () => {
  const before = noise.cases;
  const heal = await begin('garbage', 'p1');
  await eventually(() => noise.cases > before + 1_000, within);
  await eventually(() => at('p1').status.getStatus({}), within);
  await heal();
  expect(cluster.deaths()).toEqual([]);
});

/** Seconds: of the rates they come together within some. */
test.for([
  ['clock-ahead', 30],
  ['clock-behind', -30],
  ['clock-fast', 3],
  ['clock-slow', -3],
] as const)('%s makes the wall clock of one daemon wrong, %d s and more', async ([kind, seconds], context) => {
  if (faketime === undefined) return context.skip(`allowed: ${whyNoFaketime}`);
  expect(faultTable[kind].reach).toBe('clock');
  const lineAt = async (): Promise<number> => {
    const { changed } = await at('p2').pools.createPool({ prefix: `44.42.${(pools += 1)}.0/24` });
    const { lines } = await at('p2').audit.listAudit({});
    return Number(lines.find((line) => line.revision === changed?.revision)?.at?.seconds ?? 0n);
  };
  const heal = await begin(kind, 'p2');
  const aheadSeconds = async (): Promise<number> => (await lineAt()) - realClock.wall().getTime() / 1_000;
  await eventually(async () => (await aheadSeconds()) / seconds >= 1, within);
  await heal();
  await eventually(async () => Math.abs(await aheadSeconds()) < 2, within);
});
