import { toBinary } from '@bufbuild/protobuf';
import { expect, test } from 'vitest';
import { OperationSchema } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision } from '#internal/model/record.ts';
import { openCutter } from '#internal/testkit/cutter.ts';
import { startEtcd } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { follower, operation, putRealm, rawAt, realm, storeAt } from '#internal/testkit/stores.ts';
import { startStopwatch } from '#internal/testkit/stopwatch.ts';
import { operationKey, recordKey } from './keys.ts';
import { auditProblems, decodeAudit, type Store } from './store.ts';

/** Entries of each audit record, in the order of the store; their chains are whole. */
async function audited(store: Store): Promise<readonly (readonly string[])[]> {
  const records = await Array.fromAsync(store.readAudit('p1'));
  expect(auditProblems(records)).toEqual([]);
  return records
    .toSorted((a, b) => Number(a.revision - b.revision))
    .map(({ value }) => decodeAudit(value)?.entries.map(({ requestId }) => requestId) ?? ['unreadable']);
}

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

  const [audit, remembered] = (await raw.list('/pop44/log/')).entries;
  expect(remembered).toMatchObject({ key: operationKey(asked.requestId), modRevision: done.revision });
  expect(audit).toMatchObject({
    key: expect.stringMatching(/\/audit\/p1\/[0-9a-f]{16}\/0{15}1$/),
    modRevision: done.revision,
  });
  expect(audit?.leaseId).toBeUndefined();
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
  const many = Array.from({ length: 127 }, (_, n) => putRealm(`r${n}`).writes).flat();
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
  for (const [at, [name, fault]] of Object.entries(faults).entries()) {
    using store = storeAt([path.url]);
    await store.commit(putRealm(`warm-${at}`), operation());
    const asked = operation();
    fault();
    setTimeout(() => path.release(), 1_000);
    const outcome = await store.commit(putRealm(`lost-${at}`), asked);
    expect(outcome, name).toMatchObject({ outcome: 'committed' });
    expect(await store.readOperation(asked.requestId), name).toEqual({ operation: asked, revision: outcome.revision });
    expect(await store.currentRevision(), name).toBe(outcome.revision);
  }
});

test('a commit that never arrived is known for it as soon as etcd answers, and is carried out then [A7]', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url]);
  await store.commit(putRealm('warm'), operation('warm'));
  path.hold();
  setTimeout(() => {
    path.reset();
    path.release();
  }, 300);
  using watch = startStopwatch();
  expect(await store.commit(putRealm('lost'), operation('lost'))).toMatchObject({ outcome: 'committed' });
  expect(watch.ms()).toBeLessThan(2_000);
  // The empty one made sure that it was never to arrive.
  expect(await audited(store)).toEqual([['warm'], [], ['lost']]);
});

test('a commit of which etcd tells nothing for two deadlines is ambiguous; the same operation may then be tried again [A7]', async () => {
  await using server = await startEtcd();
  await using path = await openCutter(server.member);
  using store = storeAt([path.url]);
  await store.commit(putRealm('warm'), operation('warm'));
  const asked = operation('lost');
  path.hold();
  await expect(store.commit(putRealm('lost'), asked)).rejects.toMatchObject({ code: 'ambiguous' });
  path.release();
  // What was held arrives now, or not.
  const again = await eventually(() => store.commit(putRealm('lost'), asked), 5_000);
  expect(['committed', 'repeated']).toContain(again.outcome);
  expect((await audited(store)).filter((entries) => entries.includes('lost'))).toHaveLength(1);
});

test('a chain that somebody else writes to is left to them, and another begun', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  await store.commit(putRealm('a'), operation());
  const [first] = await Array.fromAsync(store.readAudit());
  await raw.write(first?.key.replace(/1$/, '2') ?? '', Buffer.from('not ours'));
  expect(await store.commit(putRealm('b'), operation())).toMatchObject({ outcome: 'committed' });
  const records = await Array.fromAsync(store.readAudit());
  const chains = new Set(records.map(({ key }) => key.split('/').at(-2)));
  expect([records.length, chains.size]).toEqual([3, 2]);
  expect(auditProblems(records)).toEqual([
    { key: expect.stringMatching(/2$/) as string, problem: 'is no audit record' },
  ]);
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

test('an operation that cannot be read is a fault of its own, not an answer', async () => {
  await using server = await startEtcd();
  using store = storeAt(server.endpoints);
  using raw = rawAt(server.endpoints);
  await raw.write(operationKey('bad'), Buffer.from([0xff]));
  await raw.write(operationKey('other'), toBinary(OperationSchema, operation('not-other')));
  await expect(store.readOperation('bad')).rejects.toMatchObject({ code: 'unreadable' });
  await expect(store.commit(putRealm('a'), operation('other'))).rejects.toMatchObject({ code: 'unreadable' });
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
