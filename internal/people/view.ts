// View: accounts and what belongs to them as the API shows them: without hashes.

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import type * as store from '#internal/gen/pop44/store/v1/people_pb.ts';
import {
  type ApiTokenSchema,
  type LoginSchema,
  type MailStateSchema,
  type User,
  UserSchema,
} from '#internal/gen/pop44/v1/people_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import type { People } from './snapshot.ts';
import { ownerOf, userIdOf } from './standing.ts';

/** Digits of a hash that people see. */
const shownDigits = 16;

export function userShown({ record, revision }: Stored<store.User>): User {
  const { id, callsign, email, state, role, popIds, createdAt, suspension, approvedAt, approvedBy } = record;
  return create(UserSchema, {
    ...{ id, callsign, email, state, role, popIds, approvedBy },
    ...(createdAt && { createdAt }),
    ...(suspension && { suspension }),
    ...(approvedAt && { approvedAt }),
    etag: String(revision),
    owner: ownerOf(id),
  });
}

/** @param current hash of the one that the call was made with */
export function loginShown(record: store.Login, current: string): MessageInitShape<typeof LoginSchema> {
  const { id, createdAt, expiresAt, source, label, userId } = record;
  const times = { ...(createdAt && { createdAt }), ...(expiresAt && { expiresAt }) };
  return { id: id.slice(0, shownDigits), ...times, source, label, current: id === current, userId };
}

export function tokenShown(record: store.ApiToken): MessageInitShape<typeof ApiTokenSchema> {
  const { id, name, scopes, createdAt, expiresAt, userId } = record;
  const times = { ...(createdAt && { createdAt }), ...(expiresAt && { expiresAt }) };
  return { id: id.slice(0, shownDigits), name, scopes, ...times, userId };
}

export function mailShown(record: store.Mail): MessageInitShape<typeof MailStateSchema> {
  const { id, template, to, createdAt, nextTryAt, tries, lastProblem: problem } = record;
  const times = { ...(createdAt && { createdAt }), ...(nextTryAt && { nextTryAt }) };
  return { id, template, to, ...times, tries, problem };
}

const userCure = 'a callsign or an id, as user list shows them';

/** Also what is answered about one to whom it is none of their business. */
export const noUser = (ref: string): Refusal =>
  refuse('not-found', { field: 'user', value: ref, problem: 'is no user of this network', cure: userCure });

/** Whom who logs in means: by callsign or address, as foldedName gives it. O(1). */
export function userNamed(people: People, name: string): Stored<store.User> | undefined {
  const claim = name.includes('@') ? people.email.get(name) : people.callsign.get(name);
  return claim && people.user.get(claim.record.userId);
}

/** By callsign in any case, id, owner, or address. Refuses `required`, `not-found`. O(1). */
export function findUser(people: People, ref: string): Refusal | Stored<store.User> {
  if (ref === '') return refuse('required', { field: 'user', problem: 'is missing', cure: userCure });
  const claimed = people.callsign.get(ref.toUpperCase()) ?? (ref.includes('@') ? people.email.get(ref) : undefined);
  const found = people.user.get(claimed?.record.userId ?? userIdOf(ref) ?? ref);
  return found ?? noUser(ref);
}
