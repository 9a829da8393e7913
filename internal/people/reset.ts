// Reset: another password, by a link or by the one before. Whoever had got in by the old one is out: a reset ends logins,
// tokens and other links; who knows the old password keeps this login and its tokens.

import { clone, equals } from '@bufbuild/protobuf';
import { TimestampSchema, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { isRefusal, type Refusal, refuse } from '#internal/errors/errors.ts';
import { LinkPurpose, MailTemplate, type User, UserSchema, UserState } from '#internal/gen/pop44/store/v1/people_pb.ts';
import type { Stored } from '#internal/model/record.ts';
import { type Decided, type PeopleContext, PersonDraft } from './draft.ts';
import { endLogins, endTokens } from './logins.ts';
import { addMail, fullQueue } from './mails.ts';
import { foldedEmail } from './names.ts';
import { linkOf } from './sign-up.ts';
import type { People } from './snapshot.ts';

/** Links that may set one account's password, in mails that wait or were sent: one reset ends all in one transaction. */
const mostLinks = 5;

/** By what they are kept under. O(links + mails): asked when somebody has lost a password. */
function resetsOf({ link, mail }: People, userId: string) {
  const links = [...link].filter(([, { record }]) => record.purpose === LinkPurpose.RESET && record.userId === userId);
  const mails = [...mail].filter(
    ([, { record }]) => record.template === MailTemplate.RESET && record.userId === userId,
  );
  return { links: links.map(([hash]) => hash), mails: mails.map(([id]) => id) };
}

/** Those that wait to be sent too: each would make a link. */
function endResets(people: People, draft: PersonDraft, userId: string): void {
  const { links, mails } = resetsOf(people, userId);
  for (const hash of links) draft.remove('link', hash);
  for (const id of mails) draft.remove('mail', id);
}

/** Says nothing of whether the address is known, or has had enough mails. Refuses `busy`. */
export function requestReset(people: People, email: string, context: PeopleContext): Refusal | Decided<object> {
  const refusal = fullQueue(people);
  if (refusal !== undefined) return refusal;
  const user = people.user.get(people.email.get(foldedEmail(email))?.record.userId ?? '')?.record;
  const draft = new PersonDraft();
  const open = user === undefined ? [] : Object.values(resetsOf(people, user.id)).flat();
  const may = user !== undefined && user.state !== UserState.SUSPENDED && open.length < mostLinks;
  addMail(draft, may ? { template: MailTemplate.RESET, to: user.email, userId: user.id } : {}, context);
  return { decision: draft.decision(), response: {} };
}

function withPassword({ record }: Stored<User>, passwordHash: string, now: Date): User {
  return Object.assign(clone(UserSchema, record), { passwordHash, passwordChangedAt: timestampFromDate(now) });
}

/** Whom the link is for. Refuses `not-found`. */
export function resetOf(people: People, hash: string, at: Date): Refusal | Stored<User> {
  const link = linkOf(people, hash, LinkPurpose.RESET, at);
  if (isRefusal(link)) return link;
  const user = people.user.get(link.record.userId);
  if (user === undefined)
    return refuse('not-found', { field: 'secret', problem: 'is of an account that is gone', cure: 'sign up' });
  // A link that was made while another set the password is not known to that one, and could not be removed by it.
  const [then, now] = [link.record.passwordChangedAt, user.record.passwordChangedAt];
  const same = then !== undefined && now !== undefined && equals(TimestampSchema, then, now);
  const cure = 'ask for another';
  return same ? user : refuse('not-found', { field: 'secret', problem: 'is older than the password', cure });
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
  draft.read('user', user.record.id, user);
  draft.put('user', user.record.id, withPassword(user, passwordHash, context.now));
  endResets(people, draft, user.record.id);
  endLogins(people, draft, user.record.id);
  endTokens(people, draft, user.record.id);
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
  endResets(people, draft, userId);
  endLogins(people, draft, userId, login);
  return { decision: draft.decision(), response: {} };
}
