// Sign up: a mail first, the account when its link is followed.

import { create } from '@bufbuild/protobuf';
import { timestampFromDate, timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import { type Refusal, refuse } from '#internal/errors/errors.ts';
import {
  type Link,
  LinkPurpose,
  LinkSchema,
  MailTemplate,
  PersonClaimSchema,
  type SignUp,
  UserRole,
  UserSchema,
  UserState,
} from '#internal/gen/pop44/store/v1/people_pb.ts';
import { SignUpPolicy } from '#internal/gen/pop44/store/v1/records_pb.ts';
import type { Decision, Stored } from '#internal/model/record.ts';
import { type Decided, type PeopleContext, PersonDraft } from './draft.ts';
import { addMail, fullQueue } from './mails.ts';
import { foldedEmail } from './names.ts';
import type { People } from './snapshot.ts';

/** Milliseconds that a link is good for. */
const linkMs = 30 * 60_000;

const closed = refuse('forbidden', { problem: 'nobody can sign up here', cure: 'ask the operators of this network' });

/** Says nothing of whether the address or the callsign is known: the mail does. Refuses `forbidden` and `busy`. */
export function signUp(
  people: People,
  policy: SignUpPolicy,
  wanted: SignUp,
  context: PeopleContext,
): Refusal | Decided<object> {
  const refusal = policy === SignUpPolicy.CLOSED ? closed : fullQueue(people);
  if (refusal !== undefined) return refusal;
  const draft = new PersonDraft();
  const known = people.email.has(foldedEmail(wanted.email));
  const taken = people.callsign.has(wanted.callsign);
  const template = known ? MailTemplate.KNOWN : taken ? MailTemplate.TAKEN : MailTemplate.VERIFY;
  // Of whoever has an account no word of this request is kept.
  const kept = template === MailTemplate.VERIFY ? wanted : { ...wanted, passwordHash: '' };
  addMail(draft, { template, to: wanted.email, signUp: kept }, context);
  return { decision: draft.decision(), response: {} };
}

/** The link of a mail that is about to be sent; undefined: it needs none, or is not there any more. */
export function makeLink(people: People, mailId: string, hash: string, now: Date): Decision | undefined {
  const stored = people.mail.get(mailId);
  const purpose = stored && purposes.get(stored.record.template);
  if (stored === undefined || purpose === undefined) return undefined;
  const { signUp: wanted, userId } = stored.record;
  const passwordChangedAt = people.user.get(userId)?.record.passwordChangedAt;
  const draft = new PersonDraft();
  draft.read('mail', mailId, stored);
  const record = create(LinkSchema, {
    id: hash,
    purpose,
    ...(wanted && { signUp: wanted }),
    userId,
    ...(passwordChangedAt && { passwordChangedAt }),
    expiresAt: timestampFromMs(now.getTime() + linkMs),
  });
  draft.put('link', hash, record, 'link');
  return draft.decision();
}

const purposes: ReadonlyMap<MailTemplate, LinkPurpose> = new Map([
  [MailTemplate.VERIFY, LinkPurpose.VERIFY],
  [MailTemplate.RESET, LinkPurpose.RESET],
]);

/** Refuses `not-found`: it was never made, was used, or is too old; which of them is not told. */
export function linkOf(people: People, hash: string, purpose: LinkPurpose, now: Date): Refusal | Stored<Link> {
  const stored = people.link.get(hash);
  const good =
    stored?.record.purpose === purpose &&
    stored.record.expiresAt !== undefined &&
    timestampMs(stored.record.expiresAt) > now.getTime();
  if (good) return stored;
  const cure = purpose === LinkPurpose.VERIFY ? 'sign up again for another' : 'ask for another';
  return refuse('not-found', { field: 'secret', problem: 'was used, or is older than 30 minutes', cure });
}

/** Refuses `not-found`, `forbidden`, and `already-exists` of what was claimed since. */
export function verify(
  people: People,
  policy: SignUpPolicy,
  hash: string,
  context: PeopleContext,
): Refusal | Decided<{ readonly state: UserState }> {
  const link = linkOf(people, hash, LinkPurpose.VERIFY, context.now);
  if ('refused' in link) return link;
  const { signUp: wanted } = link.record;
  if (policy === SignUpPolicy.CLOSED || wanted === undefined) return closed;
  const open = policy === SignUpPolicy.OPEN;
  const state = open ? UserState.ACTIVE : UserState.PENDING;
  const draft = new PersonDraft();
  draft.read('link', hash, link);
  draft.remove('link', hash);
  const made = addUser(people, draft, { wanted, state, role: UserRole.USER, approvedBy: '' }, context);
  if (typeof made !== 'string') return made;
  return { decision: draft.decision(), response: { state } };
}

interface NewUser {
  readonly wanted: SignUp;
  readonly state: UserState;
  readonly role: UserRole;
  readonly approvedBy: string;
}

/** Its id. Refuses `already-exists`. */
export function addUser(
  people: People,
  draft: PersonDraft,
  { wanted, state, role, approvedBy }: NewUser,
  context: PeopleContext,
): Refusal | string {
  const { callsign, email, passwordHash } = wanted;
  const folded = foldedEmail(email);
  for (const [field, kind, value, id] of [
    ['callsign', 'callsign', callsign, callsign],
    ['email', 'email', email, folded],
  ] as const) {
    if (people[kind].has(id))
      return refuse('already-exists', {
        field,
        value,
        problem: 'has an account',
        cure: 'log in, or reset the password',
      });
    draft.read(kind, id, undefined);
  }
  const id = context.newId().slice(0, 12);
  const now = timestampFromDate(context.now);
  const approved = state === UserState.ACTIVE ? { approvedAt: now, approvedBy } : {};
  const fields = { id, callsign, email, passwordHash, state, role, createdAt: now, passwordChangedAt: now };
  draft.read('user', id, undefined);
  draft.put('user', id, create(UserSchema, { ...fields, ...approved }));
  draft.put('callsign', callsign, create(PersonClaimSchema, { userId: id }));
  draft.put('email', folded, create(PersonClaimSchema, { userId: id }));
  return id;
}
