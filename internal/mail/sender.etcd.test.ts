import { create } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { realClock } from '#internal/clock/clock.ts';
import { Fault } from '#internal/errors/errors.ts';
import { MailSchema, MailTemplate } from '#internal/gen/pop44/store/v1/people_pb.ts';
import { startEtcd, type TestEtcd } from '#internal/testkit/etcd.ts';
import { type EtcdSide, etcdSide } from '#internal/testkit/etcd-side.ts';
import { eventually } from '#internal/testkit/eventually.ts';
import { rawAt } from '#internal/testkit/stores.ts';
import { type Composed, runSender, type Transport } from './mail.ts';

let etcd: TestEtcd;
beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd[Symbol.asyncDispose]());

let made = 0;
const newId = (): string => (++made).toString(16).padStart(32, 'e');
const passwordHash = `$argon2id$v=19$m=19456,t=2,p=1$${'a'.repeat(22)}$${'b'.repeat(43)}`;

async function queue(side: EtcdSide, template = MailTemplate.VERIFY as MailTemplate): Promise<string> {
  const [id, now] = [newId(), timestampFromDate(new Date())];
  const signUp = { callsign: 'OE1XYZ', email: 'ada@example.org', passwordHash };
  const record = create(MailSchema, {
    id,
    template,
    to: 'ada@example.org',
    language: 'en',
    signUp,
    createdAt: now,
    nextTryAt: now,
  });
  const people = { compares: [], writes: [{ op: 'put', kind: 'mail', id, record } as const] };
  const { revision } = await side.store.commit({ compares: [], writes: [], people }, undefined);
  await side.people.reached(revision, AbortSignal.timeout(5_000));
  return id;
}

function sender(side: EtcdSide, nodeId: string, send: (mail: Composed) => Promise<void>) {
  const ended = new AbortController();
  const transport: Transport = { send, close: () => {} };
  const told: string[] = [];
  const running = runSender(
    {
      ...{ nodeId, clock: realClock, people: side.people, fabric: side.head.snapshot, transport },
      newId: () => `${nodeId}-${newId()}`,
      commit: (decision, operation) => side.store.commit(decision, operation),
      report: (event) => told.push(event),
    },
    ended.signal,
  );
  const looking = setInterval(() => running.look(), 20);
  return {
    told,
    end(): void {
      clearInterval(looking);
      ended.abort(new Error('ended'));
    },
  };
}
const gone = (side: EtcdSide, id: string) => eventually(() => side.people.snapshot()?.mail.has(id) === false, 10_000);

test('of three daemons one sends each mail, and each link that was sent is known by its hash alone [T2]', async () => {
  const sides = [1, 2, 3].map(() => etcdSide(etcd.member.url));
  const sent: Composed[] = [];
  const senders = sides.map((side, n) => sender(side, `p${n + 1}`, async (mail) => void sent.push(mail)));
  const [side] = sides as [EtcdSide];
  const ids = await Promise.all(Array.from({ length: 12 }, () => queue(side)));
  const nothing = await queue(side, MailTemplate.NOTHING);
  for (const id of [...ids, nothing]) await gone(side, id);
  expect(sent).toHaveLength(12);
  const codes = sent.map(({ text }) => /Code:\s+([A-Za-z0-9_-]{43})/.exec(text)?.[1] ?? '');
  expect(new Set(codes).size).toBe(12);
  expect(side.people.snapshot()?.link.size).toBe(12);
  using raw = rawAt(etcd.endpoints);
  const stored = (await raw.list('/pop44/')).entries
    .map(({ key, value }) => `${key} ${Buffer.from(value).toString('latin1')}`)
    .join();
  for (const code of codes) {
    expect(stored).not.toContain(code);
    expect(stored).not.toContain(Buffer.from(code, 'base64url').toString('latin1'));
  }
  expect((await raw.list('/pop44/people/v1/sending/')).entries).toEqual([]);
  for (const each of senders) each.end();
  for (const each of sides) each[Symbol.dispose]();
});

test('a mail that a daemon died over is sent by another once its claim has ended [T2]', async () => {
  using first = etcdSide(etcd.member.url);
  let claimed = false;
  const dying = sender(first, 'p1', () => {
    claimed = true;
    return new Promise(() => {});
  });
  const id = await queue(first);
  await eventually(() => claimed, 10_000);
  dying.end();
  using second = etcdSide(etcd.member.url);
  const sent: string[] = [];
  const living = sender(second, 'p2', async ({ to }) => void sent.push(to));
  await eventually(() => second.people.snapshot()?.mail.has(id), 5_000);
  expect(sent).toEqual([]);
  // As after a minute.
  using raw = rawAt(etcd.endpoints);
  const { entry } = await raw.get(`/pop44/people/v1/sending/${id}`);
  await raw.revokeLease(entry?.leaseId ?? 0n);
  await gone(second, id);
  expect(sent).toEqual(['ada@example.org']);
  living.end();
});

test('what cannot be sent now is tried later, what never can goes; both survive a restart [T2]', async () => {
  using side = etcdSide(etcd.member.url);
  const faults = [
    new Fault('mail-later', 'the mail server answered 451'),
    new Fault('mail-refused', 'the mail server answered 550'),
  ];
  const failing = sender(side, 'p1', async () => {
    throw faults.shift() ?? new Error('no more');
  });
  const id = await queue(side);
  await eventually(() => side.people.snapshot()?.mail.get(id)?.record.tries === 1, 10_000);
  const record = side.people.snapshot()?.mail.get(id)?.record;
  expect(record).toMatchObject({ lastProblem: 'the mail server answered 451' });
  const waitS = Number(record?.nextTryAt?.seconds) - Date.now() / 1_000;
  expect(waitS).toBeGreaterThan(20);
  expect(waitS).toBeLessThan(31);
  const other = await queue(side);
  await gone(side, other);
  expect(failing.told).toEqual(['later', 'refused']);
  failing.end();
  using again = etcdSide(etcd.member.url);
  await eventually(() => again.people.snapshot()?.mail.has(id), 5_000);
});
