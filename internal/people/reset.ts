// Reset: another password, by a link or by the one before. Whoever had got in by the old one is out.

import { clone } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { LinkPurpose, MailTemplate, type User, UserSchema, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Decided, type PeopleContext, PersonDraft } from './draft.ts';
import { endLogins } from './logins.ts';
import { addMail, fullQueue } from './mails.ts';
import { foldedEmail } from './names.ts';
import { linkOf } from './sign-up.ts';
import type { People } from './snapshot.ts';

/** Says nothing of whether the address is known. Refuses `busy`. */
export function requestReset(people: People, email: string, context: PeopleContext): Refusal | Decided<object> {
  const refusal = fullQueue(people);
  if (refusal !== undefined) return refusal;
  const user = people.user.get(people.email.get(foldedEmail(email))?.record.userId ?? '')?.record;
  const draft = new PersonDraft();
  const may = user !== undefined && user.state !== UserState.SUSPENDED;
  addMail(draft, may ? { template: MailTemplate.RESET, to: user.email, userId: user.id } : {}, context);
  return { decision: draft.decision(), response: {} };
}

function withPassword({ record }: Stored<User>, passwordHash: string, now: Date): User {
  return Object.assign(clone(UserSchema, record), { passwordHash, passwordChangedAt: timestampFromDate(now) });
}

/** Whom the link is for. Refuses `not-found`. */
export function resetOf(people: People, hash: string, now: Date): Refusal | Stored<User> {
  const link = linkOf(people, hash, LinkPurpose.RESET, now);
  if (isRefusal(link)) return link;
  const user = people.user.get(link.record.userId);
  return user ?? refuse('not-found', { field: 'secret', problem: 'is of an account that is gone', cure: 'sign up' });
}

/** Refuses `not-found`. */
export function resetPassword(
  people: People,
  hash: string,
  passwordHash: string,
  context: PeopleContext,
): Refusal | Decided<object> {
  const user = resetOf(people, hash, context.now);
  if (isRefusal(user)) return user;
  const draft = new PersonDraft();
  draft.read('link', hash, people.link.get(hash));
  draft.remove('link', hash);
  draft.read('user', user.record.id, user);
  draft.put('user', user.record.id, withPassword(user, passwordHash, context.now));
  endLogins(people, draft, user.record.id);
  return { decision: draft.decision(), response: {} };
}

/** `before`: the hash that the old password was right for. `login`: the one that stays. Refuses `conflict`. */
export function changePassword(
  people: People,
  { userId, before, passwordHash, login }: Record<'userId' | 'before' | 'passwordHash' | 'login', string>,
  context: PeopleContext,
): Refusal | Decided<object> {
  const user = people.user.get(userId);
  if (user === undefined || user.record.passwordHash !== before)
    return refuse('conflict', { problem: 'the password was changed meanwhile', cure: 'try again with that one' });
  const draft = new PersonDraft();
  draft.read('user', userId, user);
  draft.put('user', userId, withPassword(user, passwordHash, context.now));
  endLogins(people, draft, userId, login);
  return { decision: draft.decision(), response: {} };
}
