import { afterEach, expect, test, vi } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { type Etcd, openEtcd } from '#internal/etcd/etcd.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd, testProgressNotifyMs } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { startStopwatch } from '#internal/testkit/stopwatch.ts';
import { type Election, type ElectionEvent, openElection, type PoolFence, type Tuning } from './election.ts';
import { electionPrefix, leaderKey, sessionKey } from './keys.ts';

// The shortest that etcd grants.
const ttlSeconds = 2;
const ttlMs = 1_000 * ttlSeconds;
const pool = '4-2c1f0000-22';
const pools = Array.from({ length: 60 }, (_, n) => `4-2c1f${(4 * n).toString(16).padStart(4, '0')}-22`);

interface Daemon extends AsyncDisposable {
  readonly election: Election;
  readonly events: readonly ElectionEvent[];
  /** Renewals that succeeded. */
  readonly renewals: number;
  stop(): Promise<void>;
}

interface DaemonOptions {
  readonly nodeId?: string;
  readonly pools?: readonly string[];
  readonly tuning?: Partial<Tuning>;
}

function client(endpoints: readonly string[]): Etcd & Disposable {
  const etcd = openEtcd({ endpoints, clock: realClock, progressNotifyMs: testProgressNotifyMs });
  return Object.assign(etcd, { [Symbol.dispose]: () => etcd.close() });
}

function daemon(endpoints: readonly string[], options: DaemonOptions = {}): Daemon {
  const { nodeId = 'p1', tuning = {} } = options;
  const etcd = client(endpoints);
  const events: ElectionEvent[] = [];
  let renewals = 0;
  const counting: Etcd = {
    ...etcd,
    async keepLeaseAlive(...renewal) {
      const answer = await etcd.keepLeaseAlive(...renewal);
      renewals++;
      return answer;
    },
  };
  const report = (event: ElectionEvent) => events.push(event);
  const election = openElection({ etcd: counting, clock: realClock, nodeId, ttlSeconds, tuning, report });
  election.stand(options.pools ?? [pool]);
  const ending = new AbortController();
  const running = election.run(ending.signal);
  const stop = async () => {
    ending.abort(new Error('stopped'));
    await running;
  };
  return {
    election,
    events,
    get renewals() {
      return renewals;
    },
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      etcd.close();
    },
  };
}

const leads = ({ election }: Daemon, withinMs = 5_000) => eventually(() => election.held(pool), withinMs);
const happened = ({ events }: Daemon, from = 0) => events.slice(from).map(({ event }) => event);

/** Whether a transaction as this fence's holder is carried out. */
async function passes(etcd: Etcd, { key, createRevision }: PoolFence): Promise<boolean> {
  const fence = { target: 'create', key, revision: createRevision } as const;
  return (await etcd.txn({ compares: [fence], then: [] })).succeeded;
}

/** Deletes as an operator would: without asking. */
const remove = (etcd: Etcd, key: string) => etcd.txn({ compares: [], then: [{ op: 'delete', key }] });

async function ownSession(etcd: Etcd): Promise<bigint> {
  const { entry } = await etcd.get(leaderKey(pool));
  if (entry?.leaseId === undefined) throw new Error('nobody leads');
  return entry.leaseId;
}

afterEach(() => {
  vi.useRealTimers();
});

test('every pool has one leader that all know, pools spread over the daemons, and a daemon that stops is followed within 1 s [A7]', async () => {
  await using server = await startEtcd();
  const tuning = { settledMs: 100, handoverPaceMs: 5 };
  await using first = daemon(server.endpoints, { nodeId: 'p1', pools, tuning });
  await eventually(() => first.election.leading().length === pools.length, 5_000);
  await using second = daemon(server.endpoints, { nodeId: 'p2', pools, tuning });
  await using third = daemon(server.endpoints, { nodeId: 'p3', pools, tuning });
  const all = [first, second, third];
  const agreed = (living: readonly Daemon[]) =>
    pools.every((poolId) => {
      const leaders = living.filter(({ election }) => election.held(poolId) !== undefined);
      const names = new Set(living.map(({ election }) => election.leaderOf(poolId)));
      return leaders.length === 1 && names.size === 1 && !names.has(undefined);
    });
  await eventually(() => {
    const counts = all.map(({ election }) => election.leading().length);
    if (!agreed(all) || counts.some((count) => count < 10 || count > 30)) throw new Error(`spread ${counts.join(' ')}`);
    return true;
  }, 10_000);
  using watch = startStopwatch();
  const stopped = third.stop();
  expect(third.election.leading()).toEqual([]);
  await eventually(() => agreed([first, second]), 5_000);
  expect(watch.ms()).toBeLessThan(1_000);
  await stopped;
  expect(happened(third).filter((event) => event === 'lost')).toEqual([]);
});

test('a daemon whose path is dead leads no more before another can, and the other does within the lease and 2 s [A7]', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  await using cut = daemon([path.url], { nodeId: 'p1' });
  const old = await leads(cut);
  await using other = daemon(server.endpoints, { nodeId: 'p2' });
  await eventually(() => other.election.leaderOf(pool) === 'p1', 5_000);
  path.hold();
  using watch = startStopwatch();
  await eventually(() => cut.election.held(pool) === undefined, ttlMs);
  expect(other.election.held(pool), 'still nobody').toBeUndefined();
  expect(await passes(direct, old), 'its key outlives its lead').toBe(true);
  expect(happened(cut)).toContain('session-silent');
  const now = await leads(other, ttlMs + 2_000);
  expect(watch.ms()).toBeLessThan(ttlMs + 2_000);
  expect(now.createRevision).toBeGreaterThan(old.createRevision);
  expect(await passes(direct, old)).toBe(false);
  path.release();
  await eventually(() => cut.election.leaderOf(pool) === 'p2', 10_000);
  await eventually(() => happened(cut).at(-1) === 'session-stands', 10_000);
  expect(happened(cut)).toContain('session-lost');
  expect(cut.election.held(pool)).toBeUndefined();
});

test('one dead endpoint of two costs nobody the lead', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  await using leader = daemon([path.url, ...server.endpoints]);
  await leads(leader);
  path.hold();
  const from = leader.renewals;
  await eventually(() => {
    expect(leader.election.held(pool)).toBeDefined();
    return leader.renewals > from + 5;
  }, 10_000);
  expect(happened(leader)).toEqual(['session-stands', 'elected']);
});

test('a lease that was revoked by hand costs the lead, and the next one has another fence [A7]', async () => {
  await using server = await startEtcd();
  using direct = client(server.endpoints);
  await using leader = daemon(server.endpoints);
  const old = await leads(leader);
  await direct.revokeLease(await ownSession(direct));
  expect(await passes(direct, old)).toBe(false);
  const next = await eventually(() => {
    const fence = leader.election.held(pool);
    return fence?.createRevision === old.createRevision ? undefined : fence;
  }, 2_000);
  expect(await passes(direct, next)).toBe(true);
  expect(await passes(direct, old)).toBe(false);
  expect(happened(leader)).toContain('session-lost');
  expect(happened(leader).slice(-2)).toEqual(['session-stands', 'elected']);
});

test('keys that somebody deleted or wrote by hand: the lead is lost, the old fence is refused, and all is mended [A7]', async () => {
  await using server = await startEtcd();
  using direct = client(server.endpoints);
  await using leader = daemon(server.endpoints, { tuning: { orphanMs: 200 } });
  const old = await leads(leader);
  const seen: (bigint | undefined)[] = [];
  leader.election.onChange((poolId) => seen.push(leader.election.held(poolId)?.createRevision));
  await remove(direct, old.key);
  expect(await passes(direct, old)).toBe(false);
  const next = await eventually(() => (seen.includes(undefined) ? leader.election.held(pool) : undefined), 2_000);
  expect(next.createRevision).toBeGreaterThan(old.createRevision);

  const lease = await ownSession(direct);
  await remove(direct, sessionKey(lease.toString(16)));
  await eventually(async () => (await direct.get(sessionKey(lease.toString(16)))).entry, 2_000);
  expect(await leads(leader)).toEqual(next);

  const value = Buffer.from('by hand');
  await direct.txn({ compares: [], then: [{ op: 'put', key: old.key, value }] });
  await eventually(() => leader.election.held(pool) === undefined, 2_000);
  expect(leader.election.leaderOf(pool)).toBeUndefined();
  expect((await leads(leader)).createRevision).toBeGreaterThan(next.createRevision);
});

test('a claim whose answer was lost is cleared up: one key, and its own create revision', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  await using leader = daemon([path.url], { pools: [] });
  await eventually(() => happened(leader).includes('session-stands'), 5_000);
  path.holdAnswers();
  leader.election.stand([pool]);
  const { createRevision } = await eventually(async () => (await direct.get(leaderKey(pool))).entry, 1_000);
  expect(leader.election.held(pool)).toBeUndefined();
  path.reset();
  path.release();
  expect(await leads(leader)).toEqual({ poolId: pool, key: leaderKey(pool), createRevision });
});

test('a pool that is gone is given back, and so is everything at the end', async () => {
  await using server = await startEtcd();
  using direct = client(server.endpoints);
  await using leader = daemon(server.endpoints, { pools: [pool, 'other'] });
  await eventually(() => leader.election.leading().length === 2, 5_000);
  leader.election.stand(['other']);
  expect(leader.election.leading()).toEqual(['other']);
  await eventually(() => leader.election.leaderOf(pool) === undefined, 2_000);
  expect((await direct.get(leaderKey(pool))).entry).toBeUndefined();
  await leader.stop();
  expect((await direct.list(electionPrefix)).entries).toEqual([]);
  expect(happened(leader).slice(-3)).toEqual(['resigned', 'resigned', 'session-left']);
});

test('two processes of one node: each pool has one of them', async () => {
  await using server = await startEtcd();
  await using one = daemon(server.endpoints, { pools });
  await using two = daemon(server.endpoints, { pools });
  const count = () => one.election.leading().length + two.election.leading().length;
  await eventually(() => count() === pools.length, 5_000);
  for (const poolId of pools) {
    const fences = [one, two].map(({ election }) => election.held(poolId)).filter((fence) => fence !== undefined);
    expect(fences, poolId).toHaveLength(1);
  }
  await one.stop();
  await eventually(() => two.election.leading().length === pools.length, 1_000);
});

test('etcd goes and comes back, compacted meanwhile: nothing is thrown, and all know the leader again', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using direct = client(server.endpoints);
  await using leader = daemon(server.endpoints, { nodeId: 'p1' });
  await leads(leader);
  await using away = daemon([path.url], { nodeId: 'p2', pools: [] });
  await eventually(() => away.election.leaderOf(pool) === 'p1', 5_000);
  await path.refuse();
  leader.election.stand([pool, 'other']);
  await eventually(() => leader.election.leading().length === 2, 2_000);
  leader.election.stand(['other']);
  await eventually(() => leader.election.leaderOf(pool) === undefined, 2_000);
  await direct.compact((await direct.header()).revision);
  await server.member.kill();
  await eventually(() => leader.election.leading().length === 0, ttlMs);
  await server.member.start();
  await path.accept();
  await eventually(() => leader.election.leading().length === 1, 5_000);
  await eventually(() => away.election.leaderOf('other') === 'p1', 5_000);
  expect(away.election.leaderOf(pool)).toBeUndefined();
});

test('a wall clock that jumps an hour either way is of no account', async () => {
  await using server = await startEtcd();
  await using leader = daemon(server.endpoints);
  await leads(leader);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
  for (const jumpMs of [3_600_000, -7_200_000]) {
    vi.setSystemTime(Date.now() + jumpMs);
    const from = leader.renewals;
    await eventually(() => {
      expect(leader.election.held(pool)).toBeDefined();
      return leader.renewals > from + 3;
    }, 5_000);
  }
  expect(happened(leader)).toEqual(['session-stands', 'elected']);
});
