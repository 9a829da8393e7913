// Person records: one of each kind that says all it can.

import { create } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import {
  ApiTokenSchema,
  BootstrapSchema,
  LinkPurpose,
  LinkSchema,
  LoginSchema,
  MailSchema,
  MailTemplate,
  PersonClaimSchema,
  SendingSchema,
  UserRole,
  UserSchema,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { PersonKind, PersonRecords } from '#internal/model/model.ts';

/** Of argon2id as we make them; of no password. */
const somePasswordHash = `$argon2id$v=19$m=19456,t=2,p=1$${'a'.repeat(22)}$${'b'.repeat(43)}`;

interface PersonRecord {
  readonly kind: PersonKind;
  readonly id: string;
  readonly record: PersonRecords[PersonKind];
}

export function personRecords(): readonly PersonRecord[] {
  const userId = 'aaaaaaaaaaaa';
  const hash = 'ab'.repeat(32);
  const mailId = 'cd'.repeat(16);
  const [callsign, email, passwordHash] = ['OE1XYZ', 'ada@example.org', somePasswordHash];
  const at = timestampFromMs(1_800_000_000_000);
  const signUp = { callsign, email, passwordHash };
  const user = create(UserSchema, {
    ...{ id: userId, ...signUp, state: UserState.SUSPENDED, role: UserRole.REGIONAL_ADMIN, popIds: ['p1', 'p2'] },
    ...{ createdAt: at, passwordChangedAt: at, approvedAt: at, approvedBy: 'admin/ada' },
    suspension: { reason: 'spam', at, by: 'admin/ada' },
  });
  const mail = create(MailSchema, {
    ...{ id: mailId, template: MailTemplate.VERIFY, to: email, language: 'en', userId, signUp },
    ...{ createdAt: at, nextTryAt: at, tries: 3, lastProblem: 'the mail server answered 451' },
  });
  const verify = create(LinkSchema, { id: hash, purpose: LinkPurpose.VERIFY, signUp, expiresAt: at });
  const token = { id: hash, userId, name: 'ci', scopes: ['read', 'tunnels'], createdAt: at, expiresAt: at };
  return [
    { kind: 'user', id: userId, record: user },
    { kind: 'callsign', id: callsign, record: create(PersonClaimSchema, { userId }) },
    { kind: 'email', id: email, record: create(PersonClaimSchema, { userId }) },
    { kind: 'link', id: hash, record: verify },
    {
      kind: 'link',
      id: hash,
      record: create(LinkSchema, {
        ...{ id: hash, purpose: LinkPurpose.RESET, userId, expiresAt: at, passwordChangedAt: at },
      }),
    },
    {
      kind: 'login',
      id: hash,
      record: create(LoginSchema, {
        id: hash,
        userId,
        createdAt: at,
        expiresAt: at,
        source: '192.0.2.7',
        label: 'pop44',
      }),
    },
    { kind: 'token', id: hash, record: create(ApiTokenSchema, token) },
    { kind: 'mail', id: mailId, record: mail },
    { kind: 'sending', id: mailId, record: create(SendingSchema, { nodeId: 'p1' }) },
    { kind: 'bootstrap', id: 'first', record: create(BootstrapSchema, { userId, at, by: 'admin/ada' }) },
  ];
}
