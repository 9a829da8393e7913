import { cp, rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { Decision, RecordKind } from '#internal/model/record.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { follower, operation, putRealm, rawAt, realm, storeAt } from '#internal/testkit/stores.ts';
import { tunnelEvents } from '#internal/testkit/three-pops.ts';
import { encodeRecord } from './codec.ts';
import { recordKey, recordsPrefix } from './keys.ts';
import type { StoreEvent } from './store.ts';

const bytesOf = (kind: RecordKind, id: string) => {
  const event = tunnelEvents(1, 1n).find((each) => each.kind === kind);
  if (event?.stored === undefined) throw new Error(`no ${kind}`);
  return encodeRecord(kind, id, event.stored.record);
};

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

test('contact is lost within 2 s of a kill, and back with etcd', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  expect(store.contact().connected).toBe(false);
  await using daemon = follower(store);
  await eventually(() => store.contact().connected, 5_000);
  expect(store.contact().clusterId).toMatch(/^\d+$/);
  await server.member.kill();
  await eventually(() => !store.contact().connected, 10_000);
  await server.member.start();
  await eventually(() => store.contact().connected, 5_000);
  expect(daemon.lists()).toBe(1);
});
