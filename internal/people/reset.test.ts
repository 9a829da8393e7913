import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { expect, test } from 'vitest';
import { isRefusal } from '#internal/errors/errors.ts';
import {
  ApiTokenSchema,
  LinkPurpose,
  LinkSchema,
  LoginSchema,
  MailTemplate,
  PersonClaimSchema,
  UserRole,
  UserSchema,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { PersonDecision, PersonEvent } from '#internal/model/model.ts';
import { emptyPeople, foldPeople, makeLink, type People, requestReset, resetOf, resetPassword } from './people.ts';

const nowMs = 1_800_000_000_000;
let made = 0;
const context = (ms = nowMs) => ({
  principal: 'admin/ada',
  now: new Date(ms),
  newId: () => `${++made}`.padStart(32, '0'),
});
const userId = 'aaaaaaaaaaaa';
const hash = (n: number): string => n.toString(16).padStart(64, '0');

function folded(before: People, { writes }: Pick<PersonDecision, 'writes'>): People {
  const revision = before.revision + 1n;
  const events = writes.map((write) => {
    const { kind, id } = write;
    return (
      write.op === 'delete' ? { kind, id } : { kind, id, stored: { record: write.record, revision } }
    ) as PersonEvent;
  });
  return foldPeople(before, { revision, relisted: false, events });
}

const at = timestampFromMs(nowMs - 60_000);
const user = create(UserSchema, {
  ...{ id: userId, callsign: 'OE1XYZ', email: 'ada@example.org', passwordHash: 'old', passwordChangedAt: at },
  ...{ state: UserState.ACTIVE, role: UserRole.USER },
});
const some = folded(emptyPeople(), {
  writes: [
    { op: 'put', kind: 'user', id: userId, record: user },
    { op: 'put', kind: 'email', id: 'ada@example.org', record: create(PersonClaimSchema, { userId }) },
  ],
});

/** With what was decided. */
function after<T>(before: People, outcome: T): People {
  if (isRefusal(outcome)) throw new Error(outcome.message);
  return folded(before, (outcome as { readonly decision: { readonly people: PersonDecision } }).decision.people);
}
const asked = (before: People): People => after(before, requestReset(before, 'ada@example.org', context()));
const resetMails = ({ mail }: People): readonly string[] =>
  [...mail].flatMap(([id, { record }]) => (record.template === MailTemplate.RESET ? [id] : []));
function linked(before: People, mailId: string, secretHash: string): People {
  const decision = makeLink(before, mailId, secretHash, new Date(nowMs));
  if (decision === undefined) throw new Error('no link');
  return after(before, { decision });
}

test('of one account five links are open at most, and a job of each request stands in the queue all the same [S3]', () => {
  let people = some;
  for (let n = 0; n < 9; n += 1) people = asked(people);
  expect([resetMails(people).length, people.mail.size]).toEqual([5, 9]);
});

test('a link that was made while another set the password, and not known to that one, is good for nothing [S3]', () => {
  let people = asked(asked(some));
  const [first = '', second = ''] = resetMails(people);
  people = linked(people, first, hash(1));
  const reset = resetPassword(people, hash(1), 'new', context());
  // Meanwhile, at the daemon that sends.
  people = linked(people, second, hash(2));
  expect(resetOf(people, hash(2), new Date(nowMs))).toMatchObject({ record: { id: userId } });
  people = after(people, reset);
  expect(people.link.has(hash(2))).toBe(true);
  expect(resetOf(people, hash(2), new Date(nowMs))).toMatchObject({
    refused: 'not-found',
    message: expect.stringContaining('is older than the password') as unknown,
  });
});

test('a reset of who has all that one can have fits into one transaction [S3]', () => {
  const times = { createdAt: at, expiresAt: timestampFromMs(nowMs + 60_000) };
  let people = folded(some, {
    writes: [
      ...Array.from({ length: 40 }, (_, n) => {
        const record = create(LoginSchema, { id: hash(100 + n), userId, ...times });
        return { op: 'put', kind: 'login', id: hash(100 + n), record } as const;
      }),
      ...Array.from({ length: 40 }, (_, n) => {
        const record = create(ApiTokenSchema, { id: hash(200 + n), userId, ...times, name: `t${n}` });
        return { op: 'put', kind: 'token', id: hash(200 + n), record } as const;
      }),
    ],
  });
  for (let n = 0; n < 9; n += 1) people = asked(people);
  for (const [n, id] of resetMails(people).entries()) people = linked(people, id, hash(n));
  const reset = resetPassword(people, hash(0), 'new', context());
  const { writes } = (reset as { readonly decision: { readonly people: PersonDecision } }).decision.people;
  // etcd --max-txn-ops is 128; what was asked and who has asked are two more.
  expect(writes.length).toBeLessThan(120);
  people = after(people, reset);
  expect([people.login.size, people.token.size, people.link.size, resetMails(people)]).toEqual([0, 0, 0, []]);
});

test('a link of a sign-up is not touched by a reset', () => {
  const record = create(LinkSchema, { id: hash(9), purpose: LinkPurpose.VERIFY, userId: '' });
  let people = folded(some, { writes: [{ op: 'put', kind: 'link', id: hash(9), record }] });
  people = asked(people);
  people = linked(people, resetMails(people)[0] ?? '', hash(1));
  people = after(people, resetPassword(people, hash(1), 'new', context()));
  expect([...people.link.keys()]).toEqual([hash(9)]);
});
