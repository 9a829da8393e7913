import { create, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  LoginSchema,
  PersonClaimSchema,
  UserRole,
  UserSchema,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { PersonDecision } from '#internal/model/model.ts';
import type { Decision } from '#internal/model/record.ts';
import { createPeopleHead, type PeopleHead } from '#internal/people/people.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { follower, operation, putRealm, rawAt, storeAt } from '#internal/testkit/stores.ts';
import type { Store, StoreEvent } from './store.ts';

let etcd: TestEtcd;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd[Symbol.asyncDispose]());

const passwordHash = `$argon2id$v=19$m=19456,t=2,p=1$${'a'.repeat(22)}$${'b'.repeat(43)}`;
const userOf = (id: string, callsign = 'OE1XYZ') =>
  create(UserSchema, {
    ...{ id, callsign, email: `${id}@example.org`, passwordHash },
    ...{ state: UserState.ACTIVE, role: UserRole.USER },
  });
const putUser = (id: string, revision = 0n): PersonDecision => ({
  compares: [{ kind: 'user', id, revision }],
  writes: [{ op: 'put', kind: 'user', id, record: userOf(id) }],
});
const of = (people: PersonDecision): Decision => ({ compares: [], writes: [], people });

function following(store: Store) {
  const ended = new AbortController();
  const head = createPeopleHead();
  const running = (async () => {
    for await (const batch of store.people.follow(ended.signal)) head.advance(batch);
  })();
  return {
    head,
    async [Symbol.asyncDispose]() {
      ended.abort(new Error('test over'));
      await running;
    },
  };
}
const has = (head: PeopleHead, id: string) => eventually(() => head.snapshot()?.user.has(id), 5_000);

test('people are a second snapshot: one transaction writes both, each is followed for itself [S5]', async () => {
  using store = storeAt(etcd.endpoints);
  await using people = following(store);
  await using fabric = follower(store);
  const id = 'aaaaaaaaaaa1';
  const outcome = await store.commit({ ...putRealm('both'), people: putUser(id) }, operation());
  expect(outcome.outcome).toBe('committed');
  await has(people.head, id);
  await fabric.reaches(outcome.revision);
  expect(people.head.snapshot()?.user.get(id)).toMatchObject({ revision: outcome.revision, record: { id } });
  expect([...fabric.records.keys()].filter((key) => key.includes('people') || key.includes(id))).toEqual([]);
  expect(store.ignored()).toBe(0);
  // What one of both compares holds for the whole.
  const again = await store.commit({ ...putRealm('second'), people: putUser(id) }, operation());
  expect(again.outcome).toBe('conflict');
  expect(fabric.records.has('/pop44/v1/realm/second')).toBe(false);
  const [record] = (await Array.fromAsync(store.readAudit('p1'))).slice(-1);
  expect(Buffer.from(record?.value ?? []).toString('latin1')).toContain(`put people/user/${id}`);
});

test('what ends by itself stands under a lease of its length, everything else stays', async () => {
  using store = storeAt(etcd.endpoints);
  using raw = rawAt(etcd.endpoints);
  const hash = 'ab'.repeat(32);
  const at = (ms: number) => timestampFromMs(Date.now() + ms);
  const login = create(LoginSchema, { id: hash, userId: 'aaaaaaaaaaa1', createdAt: at(0), expiresAt: at(60_000) });
  const claim = create(PersonClaimSchema, { userId: 'aaaaaaaaaaa1' });
  const people: PersonDecision = {
    compares: [],
    writes: [
      { op: 'put', kind: 'login', id: hash, record: login, lifetime: 'login' },
      { op: 'put', kind: 'callsign', id: 'OE1XYZ', record: claim },
    ],
  };
  await store.commit(of(people), operation());
  const { entry } = await raw.get(`/pop44/people/v1/login/${hash}`);
  expect(entry?.leaseId).toBeDefined();
  const { seconds } = await raw.keepLeaseAlive(entry?.leaseId ?? 0n);
  expect(seconds).toBeGreaterThan(30 * 86_400);
  expect((await raw.get('/pop44/people/v1/callsign/OE1XYZ')).entry?.leaseId).toBeUndefined();
  // An operator takes the lease away: the login goes, and the next one gets another.
  await raw.revokeLease(entry?.leaseId ?? 0n);
  expect((await raw.get(`/pop44/people/v1/login/${hash}`)).entry).toBeUndefined();
  await store.commit(of(people), operation());
  expect((await raw.get(`/pop44/people/v1/login/${hash}`)).entry?.leaseId).not.toBe(entry?.leaseId);
});

test('hostile and damaged records are kept out, the last good one stays, the daemon goes on [S5]', async () => {
  const log: StoreEvent[] = [];
  using store = storeAt(etcd.endpoints, { log });
  using raw = rawAt(etcd.endpoints);
  await using people = following(store);
  const id = 'aaaaaaaaaaa2';
  await store.commit(of(putUser(id)), operation());
  await has(people.head, id);
  const bytes = (fields: object) => toBinary(UserSchema, Object.assign(userOf(id), fields));
  const hostile = [
    Buffer.from('no protobuf at all'),
    bytes({ callsign: 'OE1\u0410BC' }),
    bytes({ email: 'a@example.org\r\nBcc: b@example.org' }),
    bytes({ passwordHash: '$argon2id$v=19$m=4194304,t=9,p=4$aaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaa' }),
    bytes({ id: 'aaaaaaaaaaa9' }),
    bytes({ role: 99 }),
    bytes({ state: 0 }),
    bytes({ popIds: ['../p1'] }),
  ];
  for (const value of hostile) {
    const revision = await raw.write(`/pop44/people/v1/user/${id}`, value);
    await people.head.reached(revision, AbortSignal.timeout(5_000));
    expect(people.head.snapshot()?.user.get(id)?.record).toMatchObject({ callsign: 'OE1XYZ', role: UserRole.USER });
    expect(store.quarantined()).toEqual([`/pop44/people/v1/user/${id}`]);
  }
  await raw.write(`/pop44/people/v1/nonsense/${id}`, Buffer.from('x'));
  await raw.write('/pop44/people/v1/callsign/OE1/P', Buffer.from('x'));
  await raw.write('/pop44/people/v1/login/', Buffer.from('x'));
  await raw.write(`/pop44/people/v1/user/${id}`, toBinary(UserSchema, userOf(id, 'OE2XYZ')));
  await eventually(() => people.head.snapshot()?.user.get(id)?.record.callsign === 'OE2XYZ', 5_000);
  // Values never reach the log.
  expect(JSON.stringify(log, (_, value: unknown) => String(value))).not.toContain('Bcc');
  for (const key of [`user/${id}`, 'callsign/OE1/P', 'login/', `nonsense/${id}`])
    await raw.write(`/pop44/people/v1/${key}`);
});

test('nothing is written that could not be read back', async () => {
  using store = storeAt(etcd.endpoints);
  const bad: PersonDecision = {
    compares: [],
    writes: [{ op: 'put', kind: 'user', id: 'aaaaaaaaaaa3', record: userOf('aaaaaaaaaaa3', 'oe1xyz') }],
  };
  await expect(store.commit(of(bad), operation())).rejects.toMatchObject({ code: 'unreadable' });
});

test('a refusal is audited without a change, for itself [S8]', async () => {
  using store = storeAt(etcd.endpoints, { nodeId: 'p7' });
  const refused = { method: '/pop44.v1.PeopleService/Login', reason: 'wrong-password', count: 7 };
  await store.commit({ compares: [], writes: [], source: '192.0.2.7', refused }, undefined);
  const { decodeAudit } = await import('./store.ts');
  const [record] = await Array.fromAsync(store.readAudit('p7'));
  expect(decodeAudit(record?.value ?? new Uint8Array())?.entries).toMatchObject([
    { refused: 'wrong-password', count: 7, source: '192.0.2.7', changes: [] },
  ]);
});
