import { cp, rm } from 'node:fs/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { type Etcd, openEtcd } from '#internal/etcd/etcd.ts';
import { type Operation, OperationSchema, RealmSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Batch, Decision, RecordEvent, RecordKind } from '#internal/model/record.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd, testProgressNotifyMs } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { tunnelEvents } from '#internal/testkit/three-pops.ts';
import { encodeRecord } from './codec.ts';
import { operationKey, recordKey, recordsPrefix } from './keys.ts';
import { openStore, type Store, type StoreEvent, type StoreOptions } from './store.ts';

type Options = Partial<StoreOptions> & { readonly log?: StoreEvent[] };

function storeAt(endpoints: readonly string[], { log, ...options }: Options = {}): Store & Disposable {
  const store = openStore({
    endpoints,
    clock: realClock,
    nodeId: 'p1',
    progressNotifyMs: testProgressNotifyMs,
    report: (event) => log?.push(event),
    ...options,
  });
  return Object.assign(store, { [Symbol.dispose]: () => store.close() });
}

/** etcd itself, for what nobody of ours would write. */
function rawAt(
  endpoints: readonly string[],
): Etcd & Disposable & { write(key: string, value?: Uint8Array): Promise<bigint> } {
  const etcd = openEtcd({ endpoints, clock: realClock });
  return Object.assign(etcd, {
    async write(key: string, value?: Uint8Array) {
      const operation = value === undefined ? ({ op: 'delete', key } as const) : ({ op: 'put', key, value } as const);
      return (await etcd.txn({ compares: [], then: [operation] })).revision;
    },
    [Symbol.dispose]: () => etcd.close(),
  });
}

/** What a daemon holds after the batches so far. */
function follower(store: Store, lastGood?: Batch) {
  const controller = new AbortController();
  const records = new Map<string, RecordEvent>();
  const batches: Batch[] = [];
  const running = (async () => {
    for await (const batch of store.follow(controller.signal, lastGood)) {
      if (batch.relisted) records.clear();
      for (const event of batch.events) {
        const key = recordKey(event.kind, event.id);
        if (event.stored === undefined) records.delete(key);
        else records.set(key, event);
      }
      batches.push(batch);
    }
  })();
  return {
    records,
    batches,
    lists: () => batches.filter((batch) => batch.relisted).length,
    reaches: (revision: bigint) => eventually(() => (batches.at(-1)?.revision ?? 0n) >= revision, 10_000),
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('test over'));
      await running;
    },
  };
}

const realm = (id: string, description = '') => create(RealmSchema, { id, table: 4_500, description });
const putRealm = (id: string, description = '', revision = 0n): Decision => ({
  compares: [{ kind: 'realm', id, revision }],
  writes: [{ op: 'put', kind: 'realm', id, record: realm(id, description) }],
});
let made = 0;
const operation = (requestId = `r${++made}`): Operation =>
  create(OperationSchema, { requestId, method: 'test', response: new TextEncoder().encode(`answer ${++made}`) });
const bytesOf = (kind: RecordKind, id: string) => {
  const event = tunnelEvents(1, 1n).find((each) => each.kind === kind);
  if (event?.stored === undefined) throw new Error(`no ${kind}`);
  return encodeRecord(kind, id, event.stored.record);
};

test('a commit is one transaction that every follower sees whole, and its operation is remembered for a day', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  await using daemon = follower(store);
  const asked = operation();
  const decision: Decision = {
    compares: [{ kind: 'realm', id: 'a', revision: 0n }],
    writes: [...putRealm('a').writes, ...putRealm('b').writes],
  };
  const done = await store.commit(decision, asked);
  expect(done).toMatchObject({ outcome: 'committed' });
  await daemon.reaches(done.revision);
  const seen = daemon.batches.filter(({ events }) => events.length > 0);
  expect(seen).toMatchObject([{ revision: done.revision, events: [{ id: 'a' }, { id: 'b' }] }]);
  expect(daemon.records.get(recordKey('realm', 'a'))?.stored).toEqual({ record: realm('a'), revision: done.revision });
  expect(await store.readOperation(asked.requestId)).toEqual({ operation: asked, revision: done.revision });
  expect(await store.readOperation('never')).toBeUndefined();
  expect(await store.currentRevision()).toBe(done.revision);

  const [entry] = (await raw.list('/pop44/log/')).entries;
  expect(entry?.key).toBe(operationKey(asked.requestId));
  const { stdoutLeases } = await leases(server.endpoints[0] ?? '');
  expect(stdoutLeases).toHaveLength(1);
  // The second commit of the hour shares the lease.
  await store.commit(putRealm('c'), operation());
  expect((await leases(server.endpoints[0] ?? '')).stdoutLeases).toEqual(stdoutLeases);
});

/** What etcd itself says of its leases, over its JSON gateway. */
async function leases(url: string): Promise<{ readonly stdoutLeases: readonly string[] }> {
  const answer = await fetch(`${url}/v3/lease/leases`, { method: 'POST', body: '{}' });
  const { leases: found = [] } = (await answer.json()) as { leases?: { ID: string }[] };
  return { stdoutLeases: found.map(({ ID }) => ID) };
}

test('a stale compare is a conflict, a known request id a repeat, also when both hold', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  const first = operation();
  const created = await store.commit(putRealm('a'), first);
  expect(await store.commit(putRealm('a', 'again'), operation())).toEqual({
    outcome: 'conflict',
    revision: created.revision,
  });
  const repeat = { outcome: 'repeated', operation: first, revision: created.revision };
  expect(await store.commit(putRealm('a'), operation(first.requestId))).toEqual(repeat);
  expect(await store.commit(putRealm('other'), operation(first.requestId))).toEqual(repeat);
  expect(await store.commit(putRealm('a', 'changed', created.revision), operation())).toMatchObject({
    outcome: 'committed',
  });
  expect(await store.commit(putRealm('a'), undefined)).toMatchObject({ outcome: 'conflict' });
});

test('of ten daemons that commit the same request at once, one does it', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, n) => store.commit(putRealm(`a${n}`), operation('same'))),
  );
  expect(outcomes.filter(({ outcome }) => outcome === 'committed').length).toBe(1);
  expect(outcomes.filter(({ outcome }) => outcome === 'repeated').length).toBe(9);
});

test('what nobody could read is not written, and what etcd would refuse is not sent', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  const before = await store.currentRevision();
  const wrong: Decision = { compares: [], writes: [{ op: 'put', kind: 'realm', id: 'x', record: realm('y') }] };
  await expect(store.commit(wrong, operation())).rejects.toMatchObject({ code: 'unreadable' });
  const many = Array.from({ length: 128 }, (_, n) => putRealm(`r${n}`).writes).flat();
  await expect(store.commit({ compares: [], writes: many }, operation())).rejects.toThrow(RangeError);
  expect(await store.currentRevision()).toBe(before);
  expect(await store.commit({ compares: [], writes: many.slice(1) }, operation())).toMatchObject({
    outcome: 'committed',
  });
});

test('a commit whose answer is lost is found again: committed, and written once', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  const faults = {
    'the deadline passes': () => path.holdAnswers(),
    'the connection is reset': () => {
      path.holdAnswers();
      setTimeout(() => path.reset(), 200);
    },
  };
  for (const [name, fault] of Object.entries(faults)) {
    using store = storeAt([path.url]);
    await store.commit(putRealm(`warm-${++made}`), operation());
    const asked = operation();
    fault();
    setTimeout(() => path.release(), 1_000);
    const outcome = await store.commit(putRealm(`lost-${++made}`), asked);
    expect(outcome, name).toMatchObject({ outcome: 'committed' });
    expect(await store.readOperation(asked.requestId), name).toEqual({ operation: asked, revision: outcome.revision });
    expect(await store.currentRevision(), name).toBe(outcome.revision);
  }
});

test('a commit that never arrived is ambiguous only after its deadline; the same operation may then be tried again', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url]);
  await store.commit(putRealm('warm'), operation());
  const asked = operation();
  path.hold();
  setTimeout(() => {
    path.reset();
    path.release();
  }, 300);
  const fromMs = performance.now();
  await expect(store.commit(putRealm('lost'), asked)).rejects.toMatchObject({ code: 'ambiguous' });
  expect(performance.now() - fromMs).toBeGreaterThan(1_900);
  expect(await store.commit(putRealm('lost'), asked)).toMatchObject({ outcome: 'committed' });
});

test('without etcd nothing is written, and it is said so', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  await server.member.kill();
  await expect(store.commit(putRealm('a'), operation())).rejects.toMatchObject({ code: 'unavailable' });
  await expect(store.currentRevision()).rejects.toMatchObject({ code: 'unavailable' });
  await server.member.start();
  expect(await eventually(() => store.commit(putRealm('a'), operation()), 5_000)).toMatchObject({
    outcome: 'committed',
  });
});

test('a lease that somebody revoked is replaced', async () => {
  await using server = await startEtcd();
  const [url = ''] = server.endpoints;
  using store = storeAt(server.endpoints);
  await store.commit(putRealm('a'), operation());
  const { stdoutLeases } = await leases(url);
  await fetch(`${url}/v3/lease/revoke`, { method: 'POST', body: JSON.stringify({ ID: stdoutLeases[0] }) });
  expect(await store.commit(putRealm('b'), operation())).toMatchObject({ outcome: 'committed' });
});

test('poison is set aside: the last good record stays, everything else goes on, nothing of the value is said', async () => {
  const log: StoreEvent[] = [];
  await using server = await startEtcd();
  using store = storeAt(server.endpoints, { log });
  using raw = rawAt(server.endpoints);
  const tunnelKey = recordKey('tunnel', 't1');
  await raw.write(tunnelKey, bytesOf('tunnel', 't1'));
  await using daemon = follower(store);
  await eventually(() => daemon.records.has(tunnelKey), 5_000);
  const good = daemon.records.get(tunnelKey);

  const secret = 'DO-NOT-TELL';
  const poison: readonly (readonly [key: string, value: Uint8Array])[] = [
    [tunnelKey, Buffer.from(secret)],
    [recordKey('pop', 'p1'), bytesOf('tunnel', 't1')],
    [recordKey('pop', 'large'), Buffer.alloc(1_400_000, secret)],
    [recordKey('node', '__proto__'), Buffer.from(secret)],
    [recordKey('tunnel', 't2'), bytesOf('tunnel', 't1')],
    [`${recordsPrefix}realm/\xff\n`, Buffer.from(secret)],
    [`${recordsPrefix}__proto__/x`, Buffer.from(secret)],
    [`${recordsPrefix}`, Buffer.from(secret)],
  ];
  for (const [key, value] of poison) await raw.write(key, value);
  const done = await store.commit(putRealm('goes-on'), operation());
  await daemon.reaches(done.revision);
  expect(daemon.records.get(tunnelKey)).toBe(good);
  expect([...daemon.records.keys()]).toEqual([tunnelKey, recordKey('realm', 'goes-on')]);
  const listed = ['node/__proto__', 'pop/large', 'pop/p1', 'realm/\\xff\\x0a', 'tunnel/t1', 'tunnel/t2'];
  expect(store.quarantined()).toEqual(listed.map((key) => recordsPrefix + key));
  expect(log.filter(({ event }) => event === 'record-quarantined')).toHaveLength(listed.length);
  expect(store.ignored()).toBe(poison.length - listed.length);
  expect(JSON.stringify(log)).not.toContain(secret);

  // A daemon that starts now has the record only from its disk.
  using second = storeAt(server.endpoints);
  await using withDisk = follower(second, { revision: 1n, relisted: true, events: good === undefined ? [] : [good] });
  await withDisk.reaches(done.revision);
  expect([...withDisk.records.keys()].toSorted()).toEqual([...daemon.records.keys()].toSorted());
  using third = storeAt(server.endpoints);
  await using without = follower(third);
  await without.reaches(done.revision);
  expect([...without.records.keys()]).toEqual([recordKey('realm', 'goes-on')]);

  // Mended by hand, or deleted: no longer listed.
  await raw.write(tunnelKey, bytesOf('tunnel', 't1'));
  for (const [key] of poison.slice(1)) await raw.write(key);
  const after = await store.commit(putRealm('after'), operation());
  await daemon.reaches(after.revision);
  expect(store.quarantined()).toEqual([]);
  expect(daemon.records.get(tunnelKey)?.stored?.record).toEqual(good?.stored?.record);
  expect(log.filter(({ event }) => event === 'record-readable-again')).toHaveLength(1);
});

test('poison in a list after a compaction does not remove the record either', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url]);
  using raw = rawAt(server.endpoints);
  const key = recordKey('tunnel', 't1');
  await raw.write(key, bytesOf('tunnel', 't1'));
  await raw.write(recordKey('realm', 'gone'), encodeRecord('realm', 'gone', realm('gone')));
  await using daemon = follower(store);
  await eventually(() => daemon.records.size === 2, 5_000);
  await path.refuse();
  await raw.write(key, Buffer.from('poison'));
  const revision = await raw.write(recordKey('realm', 'gone'));
  await raw.compact(revision);
  await path.accept();
  await daemon.reaches(revision);
  expect(daemon.lists()).toBe(2);
  expect([...daemon.records.keys()]).toEqual([key]);
  expect(store.quarantined()).toEqual([key]);
});

test('an operation that cannot be read is a fault of its own, not an answer', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  await raw.write(operationKey('bad'), Buffer.from([0xff]));
  await raw.write(operationKey('other'), toBinary(OperationSchema, operation('not-other')));
  await expect(store.readOperation('bad')).rejects.toMatchObject({ code: 'unreadable' });
  await expect(store.commit(putRealm('a'), operation('other'))).rejects.toMatchObject({ code: 'unreadable' });
});

test('an audit is silent while everything is right, under writes too', async () => {
  const log: StoreEvent[] = [];
  await using server = await startEtcd();
  using store = storeAt(server.endpoints, { log, auditMs: 20 });
  await using daemon = follower(store);
  let last = 0n;
  for (let n = 0; n < 300; n++) {
    const id = `r${n % 20}`;
    const held = daemon.records.get(recordKey('realm', id))?.stored?.revision ?? 0n;
    const writes: Decision['writes'] =
      n % 3 === 2 ? [{ op: 'delete', kind: 'realm', id }] : putRealm(id, `${n}`).writes;
    last = (await store.commit({ compares: [{ kind: 'realm', id, revision: held }], writes }, undefined)).revision;
  }
  await daemon.reaches(last);
  expect(daemon.lists()).toBe(1);
  expect(log.filter(({ event }) => event === 'audit-mismatch')).toEqual([]);
});

test('a restored store whose revisions have gone past ours is found by the audit, and listed again', async () => {
  const log: StoreEvent[] = [];
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url], { log, auditMs: 300 });
  using raw = rawAt(server.endpoints);
  const put = (id: string) =>
    eventually(() => raw.write(recordKey('realm', id), encodeRecord('realm', id, realm(id))), 5_000);
  await put('kept');
  const backup = `${server.member.directory}.backup`;
  await server.member.kill();
  await cp(server.member.directory, backup, { recursive: true });
  await server.member.start();
  await using daemon = follower(store);
  await daemon.reaches(await put('lost'));
  await path.refuse();
  await server.member.kill();
  await rm(server.member.directory, { recursive: true });
  await cp(backup, server.member.directory, { recursive: true });
  await server.member.start();
  for (const id of ['other', 'more']) await put(id);
  const last = await put('last');
  await path.accept();
  await daemon.reaches(last);
  await eventually(() => daemon.lists() === 2, 10_000);
  expect([...daemon.records.keys()].toSorted()).toEqual(
    ['kept', 'last', 'more', 'other'].map((id) => recordKey('realm', id)),
  );
  expect(log).toContainEqual({ event: 'audit-mismatch', keys: 2, first: expect.stringContaining('/realm/') });
});

test('a commit that wants no key in a folder conflicts with any key there, and with none beside it [A7]', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  const empty: Decision = {
    compares: [{ kind: 'allocation', id: '4-2c1f0000-22/', revision: 0n, within: true }],
    writes: putRealm('a').writes,
  };
  await raw.write(recordKey('allocation', '4-2c1f0000-220/2c1f0001'), new Uint8Array([1]));
  expect(await store.commit(empty, operation())).toMatchObject({ outcome: 'committed' });
  await raw.write(recordKey('allocation', '4-2c1f0000-22/2c1f0001'), new Uint8Array([1]));
  expect(await store.commit(empty, operation())).toMatchObject({ outcome: 'conflict' });
});

test('contact is lost within 2 s of a kill, and back with etcd', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  expect(store.contact().connected).toBe(false);
  await using daemon = follower(store);
  await eventually(() => store.contact().connected, 5_000);
  expect(store.contact().clusterId).toMatch(/^\d+$/);
  await server.member.kill();
  await eventually(() => !store.contact().connected, 2_000);
  await server.member.start();
  await eventually(() => store.contact().connected, 5_000);
  expect(daemon.lists()).toBe(1);
});
