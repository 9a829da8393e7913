import { expect, test } from 'vitest';
import type { Decision } from '#internal/model/record.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd } from '#internal/testkit/etcd.ts';
import { follower, operation, putRealm, rawAt, storeAt } from '#internal/testkit/stores.ts';
import { operationKey } from './keys.ts';
import { auditProblems, decodeAudit, type Group, type LeaderFence, openGroup, type Store } from './store.ts';

/** A group of new realms, one a request. */
function groupOf(names: readonly string[], fence?: LeaderFence): Group {
  const group = openGroup(fence);
  for (const name of names) expect(group.add(putRealm(name), operation(name))).toBe('added');
  return group;
}
const names = (count: number, from = 0): string[] => Array.from({ length: count }, (_, at) => `n${from + at}`);
const outcomesOf = async (store: Store, group: Group) => (await store.commitGroup(group)).map(({ outcome }) => outcome);
const all = (outcome: string, count: number): string[] => Array.from({ length: count }, () => outcome);

async function expectWholeChains(store: Store): Promise<void> {
  const records = await Array.fromAsync(store.readAudit());
  expect(records.length).toBeGreaterThan(0);
  expect(auditProblems(records)).toEqual([]);
}

test('60 decisions commit in one transaction with one audit record of them all [A6]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  await using daemon = follower(store);
  const outcomes = await store.commitGroup(groupOf(names(60)));
  const revision = outcomes[0]?.revision ?? 0n;
  expect(outcomes).toEqual(Array.from({ length: 60 }, () => ({ outcome: 'committed', revision })));
  await daemon.reaches(revision);
  expect(daemon.batches.filter(({ events }) => events.length > 0)).toMatchObject([
    { revision, events: { length: 60 } },
  ]);
  expect(await store.readOperation('n59')).toMatchObject({ revision });
  const [record, ...more] = await Array.fromAsync(store.readAudit('p1'));
  expect(more).toEqual([]);
  const audit = decodeAudit(record?.value ?? new Uint8Array([1]));
  expect(audit?.entries.map(({ requestId, changes }) => [requestId, ...changes])).toEqual(
    names(60).map((name) => [name, `put realm/${name}`]),
  );
});

test('what a few of a group fail for does not keep the others from being carried out [A6]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  const before = operation('n7');
  const done = await store.commit(putRealm('before'), before);
  await store.commit(putRealm('n30'), operation());
  await raw.write(operationKey('n50'), Buffer.from([0xff]));
  const outcomes = await store.commitGroup(groupOf(names(60)));
  expect(outcomes[7]).toEqual({ outcome: 'repeated', revision: done.revision, operation: before });
  expect(outcomes[30]).toMatchObject({ outcome: 'conflict' });
  expect(outcomes[50]).toMatchObject({ outcome: 'unreadable', fault: { code: 'unreadable' } });
  const committed = outcomes.filter(({ outcome }) => outcome === 'committed');
  expect(committed).toHaveLength(57);
  expect(new Set(committed.map(({ revision }) => revision)).size).toBe(1);
  await expectWholeChains(store);
});

test('a range that is not empty any more fails its own decision alone [A7]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  const emptied = (pool: string): Decision => ({
    compares: [{ kind: 'allocation', id: `${pool}/`, revision: 0n, within: true }],
    writes: [{ op: 'delete', kind: 'pool', id: pool }],
  });
  using raw = rawAt(server.endpoints);
  await raw.write('/pop44/v1/allocation/4-2c1f0000-22/2c1f0001', Buffer.from([1]));
  const group = openGroup();
  for (const pool of ['4-2c1f0000-22', '4-2c1f0000-2', '4-2c200000-22']) group.add(emptied(pool), operation(pool));
  expect(await outcomesOf(store, group)).toEqual(['conflict', 'committed', 'committed']);
});

test('a request that comes again, in the same group or another, is carried out once [A7]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  const group = groupOf(names(3));
  expect(group.add(putRealm('other'), operation('n1'))).toBe('meets');
  const groups = [group, ...Array.from({ length: 5 }, () => groupOf(names(3)))];
  const outcomes = await Promise.all(groups.map((each) => outcomesOf(store, each)));
  expect(outcomes.flat().toSorted()).toEqual([...all('committed', 3), ...all('repeated', 15)]);
  await expectWholeChains(store);
});

test('a leader whose key has gone, or was made again, writes nothing [A2]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  const key = '/pop44/election/v1/leader/4-2c1f0000-22';
  const held = { key, createRevision: await raw.write(key, Buffer.from('p1')), poolId: '4-2c1f0000-22' };
  expect(await outcomesOf(store, groupOf(names(2), held))).toEqual(['committed', 'committed']);
  // Its value may change under it.
  await raw.write(key, Buffer.from('p1 again'));
  expect(await outcomesOf(store, groupOf(['n2'], held))).toEqual(['committed']);
  await raw.write(key);
  const revision = await store.currentRevision();
  expect(await outcomesOf(store, groupOf(names(2, 3), held))).toEqual(['deposed', 'deposed']);
  const other = await raw.write(key, Buffer.from('p2'));
  expect(await outcomesOf(store, groupOf(names(2, 3), held))).toEqual(['deposed', 'deposed']);
  expect(await store.currentRevision()).toBe(revision + 1n);
  expect(await outcomesOf(store, groupOf(names(2, 3), { ...held, createRevision: other }))).toEqual(
    all('committed', 2),
  );
  const fences = (await Array.fromAsync(store.readAudit())).map(({ value }) => decodeAudit(value));
  expect(fences).toMatchObject(
    [held, held, held].with(2, { ...held, createRevision: other }).map(({ createRevision }) => ({
      fence: createRevision,
      ledPoolId: '4-2c1f0000-22',
    })),
  );
});

test('a group whose answer is lost is committed once or not at all, and known for it [A7]', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url]);
  await store.commit(putRealm('warm'), operation('warm'));
  const faults = {
    arrives: () => path.holdAnswers(),
    'does not arrive': () => path.hold(),
  };
  for (const [at, [name, fault]] of Object.entries(faults).entries()) {
    fault();
    setTimeout(() => {
      path.reset();
      path.release();
    }, 300);
    const outcomes = await store.commitGroup(groupOf(names(60, 100 * at)));
    const revision = outcomes[0]?.revision ?? 0n;
    expect(outcomes, name).toEqual(Array.from({ length: 60 }, () => ({ outcome: 'committed', revision })));
    expect(await store.currentRevision(), name).toBe(revision);
  }
  const records = await Array.fromAsync(store.readAudit());
  expect(records.map(({ value }) => decodeAudit(value)?.entries.length)).toEqual([1, 60, 0, 60]);
  expect(auditProblems(records)).toEqual([]);
});

test('groups under way at the same time, through resets, leave whole chains and every request carried out once [A6]', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url]);
  await store.commit(putRealm('warm'), operation('warm'));
  let running = true;
  const breaking = (async () => {
    while (running) {
      path.resetAfter(3_000);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  })();
  const fates = new Map<string, string>();
  await Promise.all(
    Array.from({ length: 8 }, async (_, lane) => {
      for (let round = 0; round < 10; round++) {
        const wanted = names(10, 1_000 * lane + 10 * round);
        const outcomes = await outcomesOf(store, groupOf(wanted)).catch((thrown: { code: string }) =>
          all(thrown.code, 10),
        );
        for (const [at, name] of wanted.entries()) fates.set(name, outcomes[at] ?? 'none');
      }
    }),
  );
  running = false;
  await breaking;
  const records = await Array.fromAsync(store.readAudit());
  expect(auditProblems(records)).toEqual([]);
  const audited = records.flatMap(({ value }) => decodeAudit(value)?.entries.map(({ requestId }) => requestId) ?? []);
  expect(new Set(audited).size).toBe(audited.length);
  expect([...fates.values()].filter((fate) => fate === 'committed').length).toBeGreaterThan(100);
  for (const [name, fate] of fates) {
    if (fate === 'committed') expect(audited, name).toContain(name);
    else expect(['unavailable', 'ambiguous'], name).toContain(fate);
    if (fate === 'unavailable') expect(audited, name).not.toContain(name);
  }
});
