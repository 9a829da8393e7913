import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd, testProgressNotifyMs } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { follow, type Write } from '#internal/testkit/follower.ts';
import { randomFrom } from '#internal/testkit/random.ts';
import { type Etcd, type EtcdEvent, openEtcd } from './etcd.ts';

const prefix = '/t/';
const progressNotifyMs = testProgressNotifyMs;

function client(endpoints: readonly string[], options: { progressNotifyMs?: number; log?: EtcdEvent[] } = {}) {
  const etcd = openEtcd({
    endpoints,
    clock: realClock,
    ...(options.progressNotifyMs !== undefined && { progressNotifyMs: options.progressNotifyMs }),
    report: (event) => options.log?.push(event),
  });
  return Object.assign(etcd, { [Symbol.dispose]: () => etcd.close() });
}

/** Writes through a path of its own and keeps what every transaction did, in the order of the revisions. */
function writer(etcd: Etcd) {
  const log: Write[] = [];
  let written = 0;
  const commit = async (changes: readonly { key: string; value?: string }[]) => {
    const { revision } = await etcd.txn({
      compares: [],
      then: changes.map(({ key, value }) =>
        value === undefined ? { op: 'delete', key } : { op: 'put', key, value: Buffer.from(value) },
      ),
    });
    for (const change of changes) log.push({ revision, ...change });
    log.sort((a, b) => Number(a.revision - b.revision));
    return revision;
  };
  return {
    log,
    commit,
    /** One new key each, again and again until it is certain; for a cluster that may lose its leader meanwhile. */
    async certain(count: number): Promise<bigint> {
      let last = 0n;
      for (let n = 0; n < count; n++) {
        const key = `${prefix}u${written++}`;
        last = await eventually(async () => {
          const absent = { target: 'create', key, revision: 0n } as const;
          const put = { op: 'put', key, value: Buffer.from('u') } as const;
          const outcome = await etcd.txn({ compares: [absent], then: [put], otherwise: [{ op: 'get', key }] });
          return outcome.succeeded ? outcome.revision : outcome.found[0]?.modRevision;
        }, 15_000);
        log.push({ revision: last, key, value: 'u' });
      }
      return last;
    },
    /** Transactions of one to three keys among forty. */
    async some(count: number, inFlight = 8): Promise<bigint> {
      let last = 0n;
      for (let left = count; left > 0; left -= inFlight) {
        const batch = Array.from({ length: Math.min(left, inFlight) }, () => {
          const n = written++;
          const keys = [...new Set([n % 40, (n * 7) % 40, (n * 11) % 40].slice(0, 1 + (n % 3)))];
          return commit(keys.map((at) => ({ key: `${prefix}k${at}`, value: `v${n}` })));
        });
        for (const revision of await Promise.all(batch)) if (revision > last) last = revision;
      }
      return last;
    },
  };
}

test('no event is lost or repeated over 30 connections cut at random points of 1,200 writes', {
  timeout: 180_000,
}, async () => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  const random = randomFrom(seed);
  const log: EtcdEvent[] = [];
  const openings = () => log.filter(({ event }) => event === 'watch-opened').length;
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  using cutOften = client([path.url], { progressNotifyMs, log });
  const source = writer(direct);
  await using follower = follow(cutOften, prefix);
  await eventually(() => openings() === 1, 5_000);
  for (let flap = 1; flap <= 30; flap++) {
    // Where the answer to the next creation of the watch or the first events after it are, or somewhat later.
    if (flap % 2 === 0) path.resetAfter(Math.floor(random() * 900));
    else if (flap % 3 === 0) path.resetAfter(Math.floor(random() * 9_000));
    if (random() < 0.5) path.reset();
    else path.cut();
    await source.some(40);
    // A path cut before anything came makes the pauses longer, up to 2 s.
    await eventually(() => openings() > flap, 10_000);
    await realClock.sleep(random() * 50);
  }
  path.resetAfter(Number.POSITIVE_INFINITY);
  const last = await source.some(30);
  expect(source.log.length, `seed ${seed}`).toBeGreaterThan(1_200);
  await follower.reaches(last);
  follower.gotExactly(source.log);
  await follower.equalsStore(direct, prefix);
  expect(follower.lists.length).toBe(1);
});

test('a backlog of 3,000 transactions comes whole though the connection is cut midway', {
  timeout: 60_000,
}, async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  using cutMidway = client([path.url], { progressNotifyMs });
  const source = writer(direct);
  await using follower = follow(cutMidway, prefix);
  await follower.reaches(1n);
  await path.refuse();
  const last = await source.some(3_000, 64);
  // About 160 kB to come, at most 1,000 revisions a response.
  path.resetAfter(60_000);
  await path.accept();
  await eventually(() => follower.events.length > 500, 10_000);
  path.resetAfter(30_000);
  await follower.reaches(last);
  follower.gotExactly(source.log);
  await follower.equalsStore(direct, prefix);
  expect(follower.lists.length).toBe(1);
});

test('a compaction while away leads to one list, with the deletes; one while connected to none', {
  timeout: 60_000,
}, async () => {
  const log: EtcdEvent[] = [];
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  using away = client([path.url], { progressNotifyMs, log });
  const source = writer(direct);
  await source.some(60);
  await using follower = follow(away, prefix);
  await follower.reaches(await source.some(20));
  await direct.compact(source.log.at(-1)?.revision ?? 0n);
  await follower.reaches(await source.some(20));
  expect(follower.lists.length).toBe(1);

  await path.refuse();
  await source.commit([{ key: `${prefix}k1` }, { key: `${prefix}k2` }]);
  await source.commit([{ key: `${prefix}k3` }]);
  const head = await source.some(3);
  await source.commit([{ key: `${prefix}k39` }]);
  await direct.compact(head + 1n);
  await path.accept();
  await follower.reaches(head + 1n);
  expect(follower.lists.length).toBe(2);
  await follower.equalsStore(direct, prefix);
  expect(log.filter(({ event }) => event === 'relisted')).toMatchObject([{ reason: 'start' }, { reason: 'compacted' }]);

  await follower.reaches(await source.some(20));
  expect(follower.lists.length).toBe(2);
});

test('a backlog of 6 MB comes in fragments, joined again', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  using away = client([path.url], { progressNotifyMs });
  const source = writer(direct);
  await using follower = follow(away, prefix);
  await follower.reaches(1n);
  await path.refuse();
  const large = 'x'.repeat(100_000);
  let last = 0n;
  for (let n = 0; n < 20; n++) {
    const keys = [0, 1, 2].map((at) => ({ key: `${prefix}${n}-${at}`, value: large }));
    last = await source.commit(keys);
  }
  await path.accept();
  await follower.reaches(last);
  follower.gotExactly(source.log);
});

test('a list of values too large for one answer comes in smaller pages', async () => {
  await using server = await startEtcd();
  using direct = client(server.endpoints, { progressNotifyMs });
  const source = writer(direct);
  const large = 'x'.repeat(1_400_000);
  let last = 0n;
  for (let n = 0; n < 40; n++) last = await source.commit([{ key: `${prefix}${n}`, value: large }]);
  await using follower = follow(direct, prefix);
  await follower.reaches(last);
  await follower.equalsStore(direct, prefix);
  expect(follower.lists.length).toBe(1);
});

test('compaction between the pages of a list starts it again', async () => {
  await using server = await startEtcd();
  using direct = client(server.endpoints);
  const source = writer(direct);
  const keys = Array.from({ length: 3_500 }, (_, n) => ({ key: `${prefix}${n}`, value: 'v' }));
  for (let from = 0; from < keys.length; from += 100) await source.commit(keys.slice(from, from + 100));
  const listings = Array.from({ length: 5 }, () => direct.list(prefix));
  for (let n = 0; n < 5; n++) await direct.compact(await source.commit([{ key: `${prefix}0`, value: `${n}` }]));
  for (const listing of await Promise.all(listings)) expect(listing.entries.length).toBe(3_500);
});

test('the watch leaves a dead path, a member that hangs and a member without a quorum', async () => {
  await using server = await startEtcd({ members: 3 });
  const [first, second, third] = server.members;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three members');
  await using path = await openCutter(first);
  using direct = client(server.endpoints);
  using moving = client([path.url, second.url, third.url], { progressNotifyMs });
  const source = writer(direct);
  await using follower = follow(moving, prefix);
  await follower.reaches(await source.certain(10));
  const at = () => follower.following.contact().endpoint;
  expect(at()).toBe(path.url);

  // Nothing is closed: 3 s of silence tell, then another endpoint answers.
  path.hold();
  await follower.reaches(await source.certain(10), 6_000);
  expect(at()).not.toBe(path.url);
  path.release();

  const hung = at() === second.url ? second : third;
  hung.pause();
  await follower.reaches(await source.certain(10), 10_000);
  expect(at()).not.toBe(hung.url);
  hung.resume();

  const others = server.members.filter(({ url }) => url !== (at() === path.url ? first.url : at()));
  for (const member of others) member.pause();
  await eventually(() => !follower.following.contact().connected, 10_000);
  for (const member of others) member.resume();
  await follower.reaches(await source.certain(10), 10_000);
  expect(follower.following.contact().connected).toBe(true);

  follower.gotExactly(source.log);
  await follower.equalsStore(direct, prefix);
  expect(follower.lists.length).toBe(1);
});

test('a killed member that comes back is followed on, without a list', async () => {
  await using server = await startEtcd();
  using direct = client(server.endpoints, { progressNotifyMs });
  const source = writer(direct);
  await using follower = follow(direct, prefix);
  await follower.reaches(await source.some(30));
  await server.member.kill();
  await eventually(() => !follower.following.contact().connected, 10_000);
  await server.member.start();
  await follower.reaches(await eventually(() => source.some(30), 5_000), 5_000);
  follower.gotExactly(source.log);
  expect(follower.lists.length).toBe(1);
  expect(follower.following.contact().connected).toBe(true);
});

test('a store that went back in time is listed again, with an alarm', async () => {
  const log: EtcdEvent[] = [];
  await using server = await startEtcd();
  using direct = client(server.endpoints, { progressNotifyMs, log });
  const source = writer(direct);
  await using follower = follow(direct, prefix);
  await follower.reaches(await source.some(30));
  await server.member.kill();
  await server.member.start({ wipe: true });
  const revision = await eventually(() => source.commit([{ key: `${prefix}new`, value: 'world' }]), 5_000);
  await eventually(() => follower.lists.length === 2, 10_000);
  await follower.reaches(revision);
  await follower.equalsStore(direct, prefix);
  expect(log).toContainEqual(expect.objectContaining({ event: 'restore-suspected' }));
  expect(log).toContainEqual(expect.objectContaining({ event: 'relisted', reason: 'restored' }));
});

test('a server without progress notices does not make an idle watch flap, and its death is still seen', {
  timeout: 60_000,
}, async () => {
  const log: EtcdEvent[] = [];
  await using server = await startEtcd({ args: ['--experimental-watch-progress-notify-interval=10m'] });
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  using quiet = client([path.url], { log });
  const source = writer(direct);
  await using follower = follow(quiet, prefix);
  await follower.reaches(await source.some(3));
  const openings = () => log.filter(({ event }) => event === 'watch-opened').length;
  const before = follower.following.contact();
  await eventually(() => follower.following.contact().heardMs > before.heardMs + 5_000, 12_000);
  expect(openings()).toBe(1);
  path.hold();
  const last = await source.some(3);
  await eventually(() => !follower.following.contact().connected, 10_000);
  path.release();
  await follower.reaches(last);
  follower.gotExactly(source.log);
});
